package chargegin_test

import (
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/gin-gonic/gin"

	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/credits"
	"github.com/manacore/manacore-go/middleware/charge"
	chargegin "github.com/manacore/manacore-go/middleware/charge/gin"
	authgin "github.com/manacore/manacore-go/middleware/gin"
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

	handler := gin.New()
	handler.Use(authgin.Guard(auth))
	handler.GET("/image", chargegin.Charge(ledger, "image", 10), func(c *gin.Context) {
		c.String(http.StatusOK, "an image")
	})
	handler.GET("/text", chargegin.Charge(ledger, "text", 50), func(c *gin.Context) {
		_ = charge.SetCost(c.Request.Context(), 3)
		c.String(http.StatusOK, "three words only")
	})
	handler.GET("/broken", chargegin.Charge(ledger, "image", 10), func(c *gin.Context) {
		c.Status(http.StatusInternalServerError)
	})
	handler.GET("/film", chargegin.Charge(ledger, "film", 1000))

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
