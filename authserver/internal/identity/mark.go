package identity

import "context"

const (
	// markUsers is how many users a run of MarkEnded reads at once.
	markUsers = 100
	// markRows is how many sessions are marked in one transaction.
	markRows = 200
)

// MarkEnded marks the rows of sessions that ended with all others of their
// user, in small pieces. They have ended whether or not they are marked; what
// is marked is passed over by every later question about the user's sessions.
func (s *Service) MarkEnded(ctx context.Context) error {
	users, err := s.config.Store.EndedUsers(ctx, markUsers)
	if err != nil {
		return err
	}
	var failed error
	for _, user := range users {
		for {
			marked, err := s.config.Store.MarkEnded(ctx, user, markRows)
			if err != nil {
				failed = first(failed, err) // the next user may fare better
				break
			}
			if marked < markRows {
				break
			}
		}
	}
	return failed
}
