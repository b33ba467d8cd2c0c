package charge_test

import (
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"

	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/credits"
	"github.com/manacore/manacore-go/middleware"
	"github.com/manacore/manacore-go/middleware/charge"
)

// handlerFunc is a handler of a framework of one's own, which returns an error.
type handlerFunc func(w http.ResponseWriter, r *http.Request) error

// charged is the whole adapter: it admits, denies or runs. The guard around it,
// which finds the user, is that of package middleware.
func charged(guard *charge.Guard, next handlerFunc) handlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		admitted, denial := guard.Admit(r)
		if denial != nil {
			denial.Write(w, r)
			return nil
		}
		return admitted.Run(w, next)
	}
}

// An adapter for a framework of one's own, for a route whose price is known
// before it runs and comes out lower: it reserves what the request may cost, and
// charges what it did.
func Example() {
	issuer := authtest.Start() // has a ledger as well: 150 credits for everybody
	defer issuer.Close()
	ledger, err := credits.New(credits.Config{URL: issuer.URL(), AppID: "texts", ServiceKey: authtest.ServiceKey})
	if err != nil {
		log.Fatal(err)
	}
	defer ledger.Close()

	words := func(r *http.Request) (int64, error) {
		n, err := strconv.ParseInt(r.URL.Query().Get("words"), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%w: words is no number", credits.ErrInvalid)
		}
		return n, nil
	}
	guard := charge.New(ledger, "text_generation", words, charge.Config{
		OnCharge: func(info charge.Info) { fmt.Println(" ", info.Outcome, info.Charged, "of", info.Reserved) },
		DenyWith: func(w http.ResponseWriter, _ *http.Request, d *middleware.Denial) {
			http.Error(w, d.Message, d.Status)
		},
		Logger: slog.New(slog.DiscardHandler),
	})
	handler := charged(guard, func(w http.ResponseWriter, r *http.Request) error {
		if r.URL.Query().Has("broken") {
			return errors.New("the model is away") // before anything was written: released
		}
		if err := charge.SetCost(r.Context(), 3); err != nil {
			return err
		}
		_, err := io.WriteString(w, "three words only\n")
		return err
	})

	for _, query := range []string{"words=10", "words=10&broken", "words=many", "words=1000"} {
		r := httptest.NewRequest("GET", "/text?"+query, nil)
		r = r.WithContext(client.WithUser(r.Context(), client.User{ID: "ada"})) // as the guard of tokens does
		w := httptest.NewRecorder()
		fmt.Println(query)
		if err := handler(w, r); err != nil {
			fmt.Println("  the framework answers 500:", err)
			continue
		}
		fmt.Print("  ", w.Code, " ", w.Body)
	}

	// Output:
	// words=10
	//   committed 3 of 10
	//   200 three words only
	// words=10&broken
	//   released 0 of 10
	//   the framework answers 500: the model is away
	// words=many
	//   refused 0 of 0
	//   400 The request asks for nothing that has a cost
	// words=1000
	//   refused 0 of 1000
	//   402 Not enough credits for text_generation. Required: 1000, Available: 147
}
