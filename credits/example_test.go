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

// What a user's credits went to, one transaction after the other.
func ExampleClient_Transactions() {
	issuer := authtest.Start()
	defer issuer.Close()
	ledger, err := credits.New(credits.Config{URL: issuer.URL(), AppID: "picture", ServiceKey: authtest.ServiceKey})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer ledger.Close()
	ctx := context.Background()

	// The same key takes once, however often the call is repeated.
	for range 2 {
		receipt, err := ledger.Consume(ctx, credits.ConsumeParams{
			UserID: "ada", Amount: 10, Operation: "image_generation", Key: "order-7", Metadata: map[string]any{"size": 512},
		})
		fmt.Println(receipt.Free, receipt.Replayed, err)
	}
	for transaction, err := range ledger.Transactions(ctx, "ada") {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(transaction.Amount, transaction.Operation, string(transaction.Metadata))
	}

	// Output:
	// 140 false <nil>
	// 140 true <nil>
	// -10 image_generation {"size":512}
}

// A configuration that is not usable says what to set.
func ExampleNew_mistakes() {
	_, err := credits.New(credits.Config{URL: "http://mana-core-auth:3001", AppID: "my app", ServiceKey: "key"})
	fmt.Println(err)

	// Output:
	// credits are not configured: AppID (APP_ID) is "my app", and must be at most 64 letters, digits, ".", "_" and "-"
	// credits are not configured: URL (MANA_CREDITS_URL, or else MANA_AUTH_URL) is "http://mana-core-auth:3001", and is plain http to another machine, where anybody on the way can read tokens and replace keys: use https, or, where nobody else can listen, set MANA_AUTH_PLAINTEXT_HOSTS=mana-core-auth
}
