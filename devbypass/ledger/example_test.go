//go:build !nodevbypass

package ledger_test

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/manacore/manacore-go/credits"
	"github.com/manacore/manacore-go/devbypass"
	"github.com/manacore/manacore-go/devbypass/ledger"
)

// On a developer's machine, without a service key, the ledger is one in the
// process. A program says ledger.FromEnv, which reads the variables.
func Example() {
	quiet := slog.New(slog.DiscardHandler)
	bypass := devbypass.Config{NodeEnv: "development", DevBypassAuth: "true", Logger: quiet}
	client, err := ledger.Client(ledger.New(100), credits.Config{Logger: quiet}, bypass)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	receipt, err := client.Consume(context.Background(), credits.ConsumeParams{UserID: "ada", Amount: 30, Operation: "image_generation"})
	fmt.Println(receipt.Free, "left", err)

	// Anywhere else it is an error to ask for it.
	bypass.NodeEnv = "production"
	_, err = ledger.Client(ledger.New(100), credits.Config{Logger: quiet}, bypass)
	fmt.Println(err)

	// Output:
	// 70 left <nil>
	// devbypass: DEV_BYPASS_AUTH is "true", but NODE_ENV is not "development": unset one or set the other (NODE_ENV is "production")
}
