package ledger_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/credits"
	"github.com/manacore/manacore-go/devbypass"
	"github.com/manacore/manacore-go/devbypass/ledger"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const ada = "ada"

var discard = slog.New(slog.DiscardHandler)

// on is the bypass, where it is in the program.
func on(t *testing.T) devbypass.Config {
	t.Helper()
	config := devbypass.Config{NodeEnv: "development", DevBypassAuth: "true", Logger: discard}
	if _, err := config.On(); errors.Is(err, devbypass.ErrCompiledOut) {
		t.Skip(err)
	}
	return config
}

// On a developer's machine the stand-in is a ledger like any other, and says
// that it is none.
func TestStandIn(t *testing.T) {
	t.Parallel()
	bypass := on(t)
	var log bytes.Buffer
	standIn := ledger.New(100)
	standIn.Grant(ada, 5)
	client, err := ledger.Client(standIn, credits.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))}, bypass)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if !strings.Contains(log.String(), "CREDITS ARE NOT REAL") {
		t.Errorf("log: %s", &log)
	}
	v, err := client.Reserve(t.Context(), credits.ReserveParams{UserID: ada, Amount: 60, Operation: "op", For: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Commit(t.Context(), credits.CommitParams{ReservationID: v.ID, Amount: 50}); err != nil {
		t.Fatal(err)
	}
	if b, err := client.Balance(t.Context(), ada); err != nil || b.Available() != 55 {
		t.Errorf("balance %+v, %v", b, err)
	}
	if err := client.Check(t.Context(), ada, 56); !errors.Is(err, credits.ErrInsufficient) {
		t.Errorf("error %v", err)
	}
}

// Flaw 1: it stands in by the rule of package devbypass, and only there.
func TestItStandsInWhereTheBypassIsOn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		nodeEnv, bypass string
		want            error
	}{
		"no environment":          {"", "", credits.ErrNotConfigured},
		"development alone":       {"development", "", credits.ErrNotConfigured},
		"production":              {"production", "true", devbypass.ErrNotDevelopment},
		"the bypass alone":        {"", "true", devbypass.ErrNotDevelopment},
		"nearly a bypass":         {"development", "TRUE", credits.ErrNotConfigured},
		"nearly development":      {"Development", "true", devbypass.ErrNotDevelopment},
		"the bypass switched off": {"development", "false", credits.ErrNotConfigured},
	} {
		client, err := ledger.Client(ledger.New(1000), credits.Config{AppID: "chat", Logger: discard},
			devbypass.Config{NodeEnv: c.nodeEnv, DevBypassAuth: c.bypass})
		if errors.Is(err, devbypass.ErrCompiledOut) && c.bypass == "true" {
			continue
		}
		if client != nil || !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// With a service key the ledger is the real one, whatever else is set.
func TestItStandsBackForAKey(t *testing.T) {
	t.Parallel()
	bypass := on(t)
	issuer := authtest.NewIssuer(t)
	client, err := ledger.Client(ledger.New(1000), credits.Config{
		URL: issuer.URL(), AppID: "chat", ServiceKey: authtest.ServiceKey, HTTPClient: issuer.HTTPClient(), Logger: discard,
	}, bypass)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if b, err := client.Balance(t.Context(), ada); err != nil || b.Available() != authtest.SignupBonus {
		t.Errorf("balance %+v, %v", b, err)
	}
}

// It reads the environment, and so does not run beside other tests.
func TestFromEnv(t *testing.T) {
	on(t)
	t.Setenv("NODE_ENV", "development")
	t.Setenv("DEV_BYPASS_AUTH", "true")
	t.Setenv("APP_ID", "")
	t.Setenv("MANA_CORE_SERVICE_KEY", "")
	client, err := ledger.FromEnv(ledger.New(3))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if b, err := client.Balance(t.Context(), ada); err != nil || b.Available() != 3 {
		t.Errorf("balance %+v, %v", b, err)
	}
	t.Setenv("NODE_ENV", "production")
	if _, err := ledger.FromEnv(ledger.New(3)); !errors.Is(err, devbypass.ErrNotDevelopment) {
		t.Errorf("error %v", err)
	}
}
