package credits_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/credits"
)

func Example() {
	issuer := authtest.Start() // stands in for the auth server and its ledger
	defer issuer.Close()

	ledger, err := credits.New(credits.Config{URL: issuer.URL(), AppID: "picture", ServiceKey: authtest.ServiceKey})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer ledger.Close()
	ctx := context.Background()

	balance, err := ledger.Balance(ctx, "ada")
	fmt.Println(balance.Available(), err)

	// Reserve, work, commit what it came to.
	reservation, err := ledger.Reserve(ctx, credits.ReserveParams{UserID: "ada", Amount: 100, Operation: "image_generation"})
	fmt.Println(reservation.Amount, reservation.Available, err)
	_, err = ledger.Commit(ctx, credits.CommitParams{ReservationID: reservation.ID, Amount: 80})
	fmt.Println(err)

	_, err = ledger.Consume(ctx, credits.ConsumeParams{UserID: "ada", Amount: 100, Operation: "image_generation"})
	if short, ok := errors.AsType[*credits.InsufficientError](err); ok {
		fmt.Println(short.Required, "required,", short.Available, "available")
	}

	issuer.Down()
	_, err = ledger.Balance(ctx, "ada")
	fmt.Println(errors.Is(err, credits.ErrUnavailable))

	// Output:
	// 150 <nil>
	// 100 50 <nil>
	// <nil>
	// 100 required, 70 available
	// true
}
