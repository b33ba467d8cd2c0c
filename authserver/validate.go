package authserver

import "net/http"

// validate gives the verdict on an access token.
type validate struct {
	out      responder
	verdicts *verdicts
}

func (h validate) serve(w http.ResponseWriter, r *http.Request) error {
	f, err := readForm(w, r)
	if err != nil {
		return err
	}
	text, _ := f.str("token")
	if err := f.finish(); err != nil {
		return err
	}
	answer, kind, err := h.verdicts.of(r.Context(), text)
	if err != nil {
		return err
	}
	h.out.metrics.verdict(kind)
	h.out.send(w, r, http.StatusOK, answer)
	return nil
}
