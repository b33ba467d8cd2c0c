package creditsapi

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/manacore/manacore-go/authserver/internal/form"
	"github.com/manacore/manacore-go/authserver/internal/ledger"
	"github.com/manacore/manacore-go/authserver/internal/web"
	"github.com/manacore/manacore-go/internal/wire"
)

// TestUsageDays: which days a query asks for depends on the day of UTC on which
// it is asked.
func TestUsageDays(t *testing.T) {
	t.Parallel()
	at := func(text string) time.Time {
		instant, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			t.Fatal(err)
		}
		return instant
	}
	const late, long = "from must not be later than to", "from and to must not span more than 366 days"
	for _, test := range []struct{ now, query, first, last, problem string }{
		{now: "2026-03-01T00:00:00Z", first: "2026-01-31", last: "2026-03-01"},
		{now: "2026-02-28T23:59:59.999Z", first: "2026-01-30", last: "2026-02-28"},
		{now: "2024-02-29T23:59:59Z", first: "2024-01-31", last: "2024-02-29"},
		{now: "2026-03-01T01:30:00+02:00", first: "2026-01-30", last: "2026-02-28"}, // still February in UTC
		{now: "2026-02-28T22:30:00-02:00", first: "2026-01-31", last: "2026-03-01"},
		{now: "2026-03-01T12:00:00Z", query: "from=2026-03-01", first: "2026-03-01", last: "2026-03-01"},
		{now: "2026-03-01T12:00:00Z", query: "to=2025-12-31", first: "2025-12-02", last: "2025-12-31"},
		{now: "2026-03-01T12:00:00Z", query: "to=2027-01-01", first: "2026-12-03", last: "2027-01-01"},
		{now: "2026-03-01T12:00:00Z", query: "from=2025-03-01", first: "2025-03-01", last: "2026-03-01"}, // 366 of them
		{now: "2026-03-01T12:00:00Z", query: "from=2025-02-28", problem: long},
		{now: "2026-03-01T12:00:00Z", query: "from=2024-01-01&to=2024-12-31", first: "2024-01-01", last: "2024-12-31"},
		{now: "2026-03-01T12:00:00Z", query: "from=2024-01-01&to=2025-01-01", problem: long},
		{now: "2026-03-01T12:00:00Z", query: "from=2026-03-02", problem: late},
		{now: "2026-03-01T12:00:00Z", query: "from=2026-01-02&to=2026-01-01", problem: late},
		{now: "2026-03-01T12:00:00Z", query: "from=0001-01-01&to=0001-01-01", first: "0001-01-01", last: "0001-01-01"},
		{now: "2026-03-01T12:00:00Z", query: "from=0001-01-01", problem: long},
		{now: "2026-03-01T12:00:00Z", query: "from=1969-12-31&to=1970-01-01", first: "1969-12-31", last: "1970-01-01"},
		{now: "2026-03-01T12:00:00Z", query: "from=0000-01-01&to=9999-12-31", problem: long},
	} {
		var q usageQuery
		if err := form.ParseQuery(test.query, q.Params()); err != nil {
			t.Fatal(err)
		}
		first, last, err := q.days(at(test.now))
		if test.problem != "" {
			var failure *web.Failure
			if !errors.As(err, &failure) || failure.Code != wire.ValidationFailed || !cmp.Equal(failure.Message, any([]string{test.problem})) {
				t.Errorf("%q at %s: %v to %v, %v; want %s", test.query, test.now, first, last, err, test.problem)
			}
			continue
		}
		from, to := first.Start().Format(time.DateOnly), last.Start().Format(time.DateOnly)
		if err != nil || from != test.first || to != test.last {
			t.Errorf("%q at %s: %s to %s, %v; want %s to %s", test.query, test.now, from, to, err, test.first, test.last)
		}
	}
}

// TestUsage: a user sees what was spent with every app, a service what was spent
// with its own.
func TestUsage(t *testing.T) {
	t.Parallel()
	h := open(t)
	spend := func(path, app, amount string, headers []string) {
		t.Helper()
		body := `{"userId":"ann","amount":` + amount + `,"appId":"` + app + `","description":"d"}`
		if w := h.ask("POST", wire.InternalCreditsPath+path, body, headers...); w.Code != http.StatusCreated {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	spend("/use", "chat", "7", asChat)
	h.clock.now = begin.AddDate(0, 0, 29)
	spend("/refund", "chat", "2", asChat)
	spend("/use", "picture", "5", asPicture)
	chat := []wire.CreditDayUsage{
		{AppID: "chat", Day: "2026-03-01", Used: 7, Uses: 1}, {AppID: "chat", Day: "2026-03-30", Refunded: 2},
	}
	picture := wire.CreditDayUsage{AppID: "picture", Day: "2026-03-30", Used: 5, Uses: 1}
	for name, test := range map[string]struct {
		path    string
		headers []string
		want    []wire.CreditDayUsage
	}{
		"a user":                {wire.CreditsPath + "/usage", asAnn, []wire.CreditDayUsage{chat[0], chat[1], picture}},
		"one day":               {wire.CreditsPath + "/usage?from=2026-03-30", asAnn, []wire.CreditDayUsage{chat[1], picture}},
		"earlier":               {wire.CreditsPath + "/usage?to=2026-02-28", asAnn, []wire.CreditDayUsage{}},
		"another user":          {wire.CreditsPath + "/usage", []string{"Authorization", "Bearer bob"}, []wire.CreditDayUsage{}},
		"a service":             {wire.CreditsPath + "/usage/ann", asChat, chat},
		"a service, inside":     {wire.InternalCreditsPath + "/usage/ann?to=2026-03-30", asPicture, []wire.CreditDayUsage{picture}},
		"a service, of another": {wire.InternalCreditsPath + "/usage/bob", asChat, []wire.CreditDayUsage{}},
	} {
		got := decode[wire.CreditUsageResponse](h, h.ask("GET", test.path, "", test.headers...))
		if diff := cmp.Diff(test.want, got.Usage); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	want := `{"usage":[{"appId":"picture","day":"2026-03-30","used":5,"refunded":0,"uses":1}]}`
	if w := h.ask("GET", wire.InternalCreditsPath+"/usage/ann", "", asPicture...); w.Body.String() != want {
		t.Errorf("%s, want %s", w.Body, want)
	}
	if w := h.ask("GET", wire.CreditsPath+"/usage?to=2026-02-28", "", asAnn...); w.Body.String() != `{"usage":[]}` {
		t.Errorf("nothing is %s", w.Body)
	}
}

// TestUsageRefused: what a query gets wrong is told as for every other one.
func TestUsageRefused(t *testing.T) {
	t.Parallel()
	h := open(t)
	for query, want := range map[string]any{
		"?from=x&to=2026-02-30":     []any{"from must be a date in the form YYYY-MM-DD", "to must be a date in the form YYYY-MM-DD"},
		"?from=2026-03-02":          []any{"from must not be later than to"},
		"?from=2020-01-01":          []any{"from and to must not span more than 366 days"},
		"?from=2026-03-01&from=;":   "Malformed query",
		"?to=2026-03-01&x=%zz&from": "Malformed query",
	} {
		for path, headers := range map[string][]string{
			wire.CreditsPath + "/usage": asAnn, wire.CreditsPath + "/usage/ann": asChat, wire.InternalCreditsPath + "/usage/ann": asChat,
		} {
			w := h.ask("GET", path+query, "", headers...)
			if e := h.envelope(w); w.Code != http.StatusBadRequest || !cmp.Equal(e.Message, want) {
				t.Errorf("%s%s: %d %s", path, query, w.Code, w.Body)
			}
		}
	}
	h.books.usages = make([]ledger.DayUsage, ledger.MaxUsages+1)
	for i := range h.books.usages {
		h.books.usages[i] = ledger.DayUsage{UserID: "ann", AppID: "app", Day: ledger.DayOf(begin)}
	}
	w := h.ask("GET", wire.CreditsPath+"/usage", "", asAnn...)
	if e := h.envelope(w); e.Error != wire.ValidationFailed || !cmp.Equal(e.Message, any([]any{"from and to must not span more than 10000 entries"})) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
