package client

import "log/slog"

// Logger is the Logger of the Config. A guard that is given none logs there
// too.
func (c *Client) Logger() *slog.Logger { return c.config.Logger }
