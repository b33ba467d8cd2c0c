package chargehttp_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/credits"
	"github.com/manacore/manacore-go/middleware/charge"
	chargehttp "github.com/manacore/manacore-go/middleware/charge/nethttp"
	"github.com/manacore/manacore-go/middleware/nethttp"
)

// A route that costs ten credits, one that learns its price, one that fails,
// and one that nobody can pay.
func ExampleCharge() {
	issuer := authtest.Start() // has a ledger as well: 150 credits for everybody
	defer issuer.Close()
	auth, err := client.New(client.Config{Issuers: []client.Issuer{{URL: issuer.URL()}}})
	if err != nil {
		log.Fatal(err)
	}
	defer auth.Close()
	ledger, err := credits.New(credits.Config{URL: issuer.URL(), AppID: "picture", ServiceKey: authtest.ServiceKey})
	if err != nil {
		log.Fatal(err)
	}
	defer ledger.Close()

	mux := http.NewServeMux()
	mux.Handle("GET /image", chargehttp.Charge(ledger, "image", 10)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "an image")
	})))
	mux.Handle("GET /text", chargehttp.Charge(ledger, "text", 50)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = charge.SetCost(r.Context(), 3)
		_, _ = io.WriteString(w, "three words only")
	})))
	mux.Handle("GET /broken", chargehttp.Charge(ledger, "image", 10)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
	})))
	mux.Handle("GET /film", chargehttp.Charge(ledger, "film", 1000)(http.NotFoundHandler()))
	handler := nethttp.Guard(auth)(mux)

	for _, path := range []string{"/image", "/text", "/broken", "/film", "/image"} {
		r := httptest.NewRequest("GET", path, nil)
		r.Header.Set("Authorization", "Bearer "+issuer.Token(authtest.Subject("ada")))
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		available, _ := issuer.Credits("ada")
		fmt.Println(path, w.Code, available, "left")
	}

	// Output:
	// /image 200 140 left
	// /text 200 137 left
	// /broken 500 137 left
	// /film 402 137 left
	// /image 200 127 left
}
