package client_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/manacore/manacore-go/client"
)

// part edits the nth part of a token.
func part(n int, edit func(part string) string) func(string) string {
	return func(text string) string {
		parts := strings.Split(text, ".")
		parts[n] = edit(parts[n])
		return strings.Join(parts, ".")
	}
}

// Section E, one token has one text.
func TestTextOfAPart(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	var attacks []attack
	for n, name := range []string{"header", "payload", "signature"} {
		add := func(number, what string, edit func(string) string) {
			attacks = append(attacks, attack{name: number + " " + name + " " + what, edit: part(n, edit), want: client.ErrMalformed})
		}
		for _, padding := range []string{"=", "==", "===", "%3D", "%3d%3d"} {
			add("E100", "padded with "+padding, func(p string) string { return p + padding })
		}
		add("E100", "padded to whole quanta", func(p string) string { return p + strings.Repeat("=", 1+(3-len(p)%4)%4) })
		for _, c := range []string{"+", "/", "~", ",", "!", "*", "\u00e9", "\u017f", "\uff21", "\x80"} {
			add("E101", fmt.Sprintf("with %q for its tenth character", c), func(p string) string { return p[:9] + c + p[10:] })
		}
		for _, c := range []string{"\n", "\r", "\r\n", " ", "\t", "\v", "\f", "\x00", "\u00a0", "\u2028", "\n\n\n\n"} {
			add("E103", fmt.Sprintf("with %q inside", c), func(p string) string { return p[:8] + c + p[8:] })
			add("E103 E104", fmt.Sprintf("with %q before", c), func(p string) string { return c + p })
			add("E103 E104", fmt.Sprintf("with %q behind", c), func(p string) string { return p + c })
			// Nor where the part keeps its length.
			add("E103", fmt.Sprintf("with %q in place of its end", c), func(p string) string { return p[:len(p)-len(c)] + c })
		}
		add("E105", "missing", func(string) string { return "" })
		add("E111", "encoded twice", func(p string) string { return b64.EncodeToString([]byte(p)) })
		add("E111", "in hexadecimal", func(p string) string {
			raw, _ := b64.DecodeString(p)
			return fmt.Sprintf("%x", raw)
		})
		add("E111", "not encoded", func(p string) string { raw, _ := b64.DecodeString(p); return string(raw) })
		add("E111", "one character percent-encoded", func(p string) string { return fmt.Sprintf("%%%02x", p[0]) + p[1:] })
	}
	l.refuse(t, attacks)
}

// E101: text that the two alphabets write in different ways, in each part.
func TestStandardAlphabet(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	standard := strings.NewReplacer("-", "+", "_", "/").Replace
	// Two bytes that the alphabets write differently, once in each part.
	header := strings.TrimSuffix(l.header, "}") + `,"x":"` + strings.Repeat("\u00bf\u00fe?>~", 6) + `"}`
	payload := strings.TrimSuffix(l.payload, "}") + `,"x":"` + strings.Repeat("\u00bf\u00fe?>~", 6) + `"}`
	var text string
	for n := 0; !strings.ContainsAny(text[strings.LastIndex(text, ".")+1:], "-_"); n++ {
		text = l.Sign([]byte(header), []byte(strings.Replace(payload, "}", fmt.Sprintf(`,"n":%d}`, n), 1)))
	}
	l.wantOK(text)
	attacks := []attack{{name: "E101 all", edit: func(string) string { return standard(text) }, want: client.ErrMalformed}}
	for n := range 3 {
		attacks = append(attacks, attack{name: fmt.Sprintf("E101 part %d", n), want: client.ErrMalformed, edit: func(string) string {
			edited := part(n, standard)(text)
			if edited == text {
				t.Error("nothing to replace")
			}
			return edited
		}})
	}
	// Signed as it stands, in the other alphabet.
	input, _ := cutLast(text)
	attacks = append(attacks, attack{name: "E101 signed so", want: client.ErrMalformed, edit: func(string) string { return l.SignInput(standard(input)) }})
	l.refuse(t, attacks)
}

// E102: the last character of a part holds bits that no byte needs. Every
// other value of them decodes to the same bytes.
func TestTrailingBits(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	var attacks []attack
	for size := range 3 { // all remainders of a part's length
		pad := strings.Repeat("x", size)
		text := l.Sign([]byte(strings.Replace(l.header, "{", "{"+strings.Repeat(" ", size), 1)),
			[]byte(strings.TrimSuffix(l.payload, "}")+`,"x":"`+pad+`"}`))
		l.wantOK(text)
		for n := range 3 {
			raw, err := b64.DecodeString(strings.Split(text, ".")[n])
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range alphabet {
				edit := part(n, func(p string) string { return p[:len(p)-1] + string(c) })
				edited := edit(text)
				same, err := b64.DecodeString(strings.Split(edited, ".")[n])
				if edited == text || err != nil || string(same) != string(raw) {
					continue
				}
				attacks = append(attacks, attack{name: fmt.Sprintf("E102 part %d ends with %c", n, c), edit: func(string) string { return edited }, want: client.ErrMalformed})
				if n < 2 { // and signed so
					input, _ := cutLast(edited)
					attacks = append(attacks, attack{name: fmt.Sprintf("E102 part %d signed with %c", n, c), edit: func(string) string { return l.SignInput(input) }, want: client.ErrMalformed})
				}
			}
		}
	}
	if len(attacks) < 30 {
		t.Fatalf("%d attacks: the construction fails", len(attacks))
	}
	l.refuse(t, attacks)
}

// Section E, the whole.
func TestSerialization(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	good := l.Token()
	parts := strings.Split(good, ".")
	header, payload, signature := parts[0], parts[1], parts[2]
	var attacks []attack
	add := func(number, text string) {
		attacks = append(attacks, attack{name: fmt.Sprintf("%s %.12q… of %d bytes", number, text, len(text)), edit: func(string) string { return text }, want: client.ErrMalformed})
	}
	for _, c := range []string{" ", "\t", "\n", "\r\n", "\x00", "\u00a0", "\u200b", "\ufeff", "\u2060", "\u00ad", "\x7f", "\xff", ",", ";", "\"", "'", "=", "~", "<", "%20", "%00", "#", "?a=b"} {
		add("E104 E110", c+good)
		add("E104 E110", good+c)
	}
	for _, text := range []string{
		".", "..", "...", "....", ".....", "a", "a.b", "a.b.c", "a.b.c.d", header, header + "." + payload, header + "." + payload + ".", header + ".." + signature, "." + payload + "." + signature,
		"." + good, good + ".", good + "..", good + "." + signature, good + "." + header + "." + payload, header + "." + header + "." + payload + "." + signature,
		header + "." + payload + "." + payload + "." + payload + "." + signature, good + good, good + "." + good, good + "," + good, good + " " + good, payload + "." + header + "." + signature,
		signature + "." + payload + "." + header, header + payload + signature, header + "\u3002" + payload + "\u3002" + signature, header + "\uff0e" + payload + "\uff0e" + signature,
		header + "%2E" + payload + "%2E" + signature, header + "/" + payload + "/" + signature, header + "~" + payload + "~" + signature,
	} {
		add("E105", text)
	}
	jwe := b64.EncodeToString([]byte(`{"alg":"dir","enc":"A128GCM","kid":"` + l.Kids()[0] + `"}`))
	for _, text := range []string{jwe + "..AAAAAAAAAAAAAAAA." + payload + ".AAAAAAAAAAAAAAAAAAAAAA", jwe + "." + payload + "." + payload + "." + payload + "." + signature, header + "." + payload + ".AAAA.AAAA." + signature} {
		add("E106", text)
	}
	kid := l.Kids()[0]
	for _, object := range []any{
		map[string]any{"protected": header, "payload": payload, "signature": signature},
		map[string]any{"payload": payload, "signatures": []any{map[string]any{"protected": header, "signature": signature}}},
		map[string]any{"payload": payload, "signature": signature, "header": map[string]string{"alg": "EdDSA", "kid": kid}}, // E108
		map[string]any{"protected": header, "payload": payload, "signature": signature, "header": map[string]string{"alg": "none"}},
		good, []string{good}, map[string]string{"token": good},
	} {
		text, err := json.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		add("E107 E108", string(text))
		add("E107 E108", b64.EncodeToString(text))
	}
	add("E109", header+".."+signature)
	detached, _ := cutLast(l.SignInput(header + "."))
	add("E109", detached+"."+signature)
	add("E111", b64.EncodeToString([]byte(good)))
	add("E111", base64.StdEncoding.EncodeToString([]byte(good)))
	add("E111", strings.ReplaceAll(good, ".", "%2e"))
	add("E111", "%"+url.QueryEscape(good))
	add("E111", "Bearer "+good)
	add("E111", "bearer:"+good)
	add("E111", strings.ToUpper(good[:1])+"\\"+good[1:])
	l.refuse(t, attacks)

	// SignInput covers the text as it stands: these are signed, and no token.
	var signed []attack
	for _, input := range []string{"", ".", header, header + ".", "." + payload, header + "." + payload + ".", header + "=." + payload, header + "." + payload + "=", header + "\n." + payload, header + "." + payload + "\n", " " + header + "." + payload} {
		signed = append(signed, attack{name: fmt.Sprintf("E105 signed %d bytes, %.5q…", len(input), input), edit: func(string) string { return l.SignInput(input) }, want: client.ErrMalformed})
	}
	l.refuse(t, signed)
	refused(t, l.auth, "", client.ErrNoToken)
	refused(t, l.remote, "", client.ErrNoToken)
}
