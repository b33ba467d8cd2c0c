package authserver

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/manacore/manacore-go/authserver/internal/clock/clocktest"
)

// victimVariable makes the test binary a server that is to be killed: see
// victim.
const victimVariable = "AUTHSERVER_TEST_VICTIM"

// victim is a server in a process of its own, for which a rotation is due. It
// comes as far as an instruction of it, says so, and hangs there.
type victim struct {
	DatabaseURL, SQLitePath string
	Minutes                 int    // on its clock
	Step                    int    // of the rotation
	Point                   string // of the step
}

const (
	beforeTransaction = "before the transaction"
	inTransaction     = "in the transaction"
	afterCommit       = "after the commit"
)

// run is the process. It ends by itself only if its parent is gone, or where
// it never came to the point.
func (v victim) run(ctx context.Context) error {
	clock := clocktest.New(begin)
	clock.Jump(time.Duration(v.Minutes) * time.Minute)
	cfg, db, err := openConfigured(ctx, Config{
		Database: Database{URL: v.DatabaseURL, SQLitePath: v.SQLitePath}, Keys: Keys{EncryptionKey: testKEK, Rotation: time.Hour}, Clock: clock, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return err
	}
	step := 0
	hang := func(point string) {
		if step == v.Step && point == v.Point {
			fmt.Println(point)
			_, _ = io.Copy(io.Discard, os.Stdin)
		}
	}
	hooks := &faulty{Store: db}
	hooks.changing = func(change func() error) error {
		step++
		hang(beforeTransaction)
		defer hang(afterCommit)
		return change()
	}
	hooks.deciding = func() error { hang(inTransaction); return nil }
	if _, err := newServer(ctx, cfg, hooks); err != nil {
		return err
	}
	return fmt.Errorf("%d steps and no %s", step, v.Point)
}

// runVictim is the whole of a victim's process.
func runVictim(description string) int {
	var v victim
	err := json.Unmarshal([]byte(description), &v)
	if err == nil {
		err = v.run(context.Background())
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// kill has the victim come to its point, and kills it there.
func (v victim) kill(t *testing.T) {
	t.Helper()
	description, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), os.Args[0])
	command.Env = append(os.Environ(), victimVariable+"="+string(description))
	command.Stderr = os.Stderr
	stdin, err := command.StdinPipe() // open for as long as we live
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if line != v.Point+"\n" {
		t.Errorf("the server did not come to the point: %q, %v", line, err)
	}
	if err := command.Process.Kill(); err != nil { // SIGKILL
		t.Error(err)
	}
	_ = command.Wait() // "signal: killed"
}

// G177: kill -9 at each instruction of a rotation. The rotation goes on, and
// no key signs that verifiers may not have.
func TestKilledWhileRotating(t *testing.T) {
	t.Parallel()
	for step := 1; step <= 2; step++ {
		for _, point := range []string{beforeTransaction, inTransaction, afterCommit} {
			t.Run(fmt.Sprintf("step %d, %s", step, point), func(t *testing.T) {
				eachStore(t, func(f *fleet) {
					first := f.start()
					f.advance(44*time.Minute, 11*time.Minute)
					f.lose(first)
					f.clock.Jump(time.Minute)
					victim{f.config.Database.URL, f.config.Database.SQLitePath, 45, step, point}.kill(f.T)
					f.start()
					f.start()
					for range 50 {
						f.advance(time.Minute, time.Minute)
						f.wellPublished()
					}
					if len(f.kids) != 2 {
						f.Errorf("%d keys", len(f.kids))
					}
				})
			})
		}
	}
}
