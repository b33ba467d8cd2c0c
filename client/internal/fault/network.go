package fault

import (
	"errors"
	"fmt"

	"github.com/manacore/manacore-go/internal/httpcall"
)

// Network puts an error of net/http into fixed words, as an ErrUnavailable.
func Network(err error) error { return Unavailable(httpcall.Cause(err)) }

// Unavailable is err as an ErrUnavailable.
func Unavailable(err error) error {
	if errors.Is(err, ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}
