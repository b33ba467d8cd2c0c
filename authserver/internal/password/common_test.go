package password

import (
	"strings"
	"testing"
)

// TestV14Weak: the most common passwords, and those that contain what a guesser
// knows of the user and the service.
func TestV14Weak(t *testing.T) {
	t.Parallel()
	if n := len(common()); n < 3000 {
		t.Fatalf("%d common passwords, want 3000 or more", n)
	}
	for known := range common() {
		if len(known) < 8 || known != fold(known) {
			t.Errorf("%q is in the list and is never looked up", known)
		}
	}
	for password, want := range map[string]Weakness{
		"password": Common, "12345678": Common, "Password1": Common, "QWERTYUIOP": Common, "iloveyou": Common, "sunshine": Common,
		"ｐａｓｓｗｏｒｄ": Common, "anna.lind 5x": HasEmail, "xANNA.LINDx": HasEmail, "anna lind 5": NotWeak,
		"my manacore": HasService, "MANACORE2026": HasService, "mana-core horse": NotWeak,
		"correct horse battery": NotWeak, "passwords are hard": NotWeak, strings.Repeat("x", 128): NotWeak,
	} {
		if got := Weak(password, "anna.lind@example.com", "manacore"); got != want {
			t.Errorf("%q: %d, want %d", password, got, want)
		}
	}
	if got := Weak("annabelle and 3 more", "ann@example.com", "ann", ""); got != NotWeak {
		t.Errorf("a local part of three characters counts: %d", got)
	}
	if got := Weak("größer als 5", "GRÖSSE@example.com"); got != NotWeak {
		t.Errorf("another word counts: %d", got)
	}
}
