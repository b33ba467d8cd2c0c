package creditsapi

import (
	"cmp"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/form"
	"github.com/manacore/manacore-go/authserver/internal/ledger"
	"github.com/manacore/manacore-go/internal/wire"
)

const (
	// maxDescription is the longest description, in characters.
	maxDescription = 500
	// maxMetadata is the longest metadata, in bytes without spaces.
	maxMetadata = 4096
	// defaultPage and maxPage are numbers of transactions.
	defaultPage = 50
	maxPage     = 200
	maxOffset   = 1_000_000_000
)

// amount is a required number of credits: a whole number from 1 to the largest
// that every client can count.
func amount(into *int64) form.Field { return form.Amount("amount", into, ledger.MaxCredits) }

// idempotencyKey is an idempotency key that may be absent or null. An empty one
// is refused: its sender takes a repetition for safe.
func idempotencyKey(into *string) form.Field {
	return form.Optional(form.Words("idempotencyKey", into, wire.MaxIdempotencyKey))
}

// spending is the request of a user's own client to use credits, and the common
// part of the requests of services to use and to refund.
type spending struct {
	amount      int64
	appID       string
	description string
	key         string
	metadata    string
}

// Fields are the properties of the body.
func (f *spending) Fields() []form.Field {
	return []form.Field{
		amount(&f.amount),
		form.AppID("appId", &f.appID),
		form.Words("description", &f.description, maxDescription),
		idempotencyKey(&f.key),
		form.Object("metadata", &f.metadata, maxMetadata),
	}
}

func (f spending) op(kind ledger.Kind, source ledger.Source, userID string) ledger.Op {
	return ledger.Op{
		Kind: kind, Source: source, UserID: userID, AppID: f.appID, Amount: f.amount,
		Description: f.description, Key: f.key, Metadata: f.metadata,
	}
}

type initForm struct{ userID string }

// Fields are the properties of the body.
func (f *initForm) Fields() []form.Field { return []form.Field{form.UserID("userId", &f.userID)} }

// useForm is the request of a service to use credits. The app follows from its
// key.
type useForm struct {
	userID string
	spending
}

// Fields are the properties of the body.
func (f *useForm) Fields() []form.Field {
	return []form.Field{
		form.UserID("userId", &f.userID),
		amount(&f.amount),
		form.OptionalAppID("appId", &f.appID),
		form.Words("description", &f.description, maxDescription),
		idempotencyKey(&f.key),
		form.Object("metadata", &f.metadata, maxMetadata),
	}
}

func (f useForm) op() ledger.Op { return f.spending.op(ledger.Use, ledger.FromService, f.userID) }

type refundForm struct {
	useForm
	transactionID string
}

// Fields are the properties of the body.
func (f *refundForm) Fields() []form.Field {
	return append(f.useForm.Fields(), form.OptionalUUID("transactionId", &f.transactionID))
}

func (f refundForm) op() ledger.Op {
	op := f.spending.op(ledger.GiveBack, ledger.FromService, f.userID)
	op.TransactionID = f.transactionID
	return op
}

type grantForm struct {
	userID      string
	amount      int64
	reason      string
	reference   string
	description string
}

// Fields are the properties of the body.
func (f *grantForm) Fields() []form.Field {
	return []form.Field{
		form.UserID("userId", &f.userID),
		amount(&f.amount),
		form.Words("reason", &f.reason, form.MaxText),
		form.Words("referenceId", &f.reference, form.MaxText),
		form.OptionalWords("description", &f.description, maxDescription),
	}
}

func (f grantForm) op() ledger.Op {
	return ledger.Op{
		Kind: ledger.Grant, Source: ledger.FromService, UserID: f.userID, Amount: f.amount,
		Reason: f.reason, Reference: f.reference, Description: f.description,
	}
}

type reserveForm struct {
	userID   string
	amount   int64
	reason   string
	key      string
	lifetime time.Duration // zero: ledger.DefaultLifetime
}

// Fields are the properties of the body.
func (f *reserveForm) Fields() []form.Field {
	return []form.Field{
		form.UserID("userId", &f.userID),
		amount(&f.amount),
		form.Words("reason", &f.reason, form.MaxText),
		idempotencyKey(&f.key),
		form.Seconds("expiresIn", &f.lifetime, ledger.MaxLifetime),
	}
}

func (f reserveForm) op() ledger.Op {
	return ledger.Op{
		Kind: ledger.Reserve, Source: ledger.FromService, UserID: f.userID, Amount: f.amount,
		Reason: f.reason, Key: f.key, Lifetime: cmp.Or(f.lifetime, ledger.DefaultLifetime),
	}
}

type commitForm struct {
	reservationID string
	description   string
	amount        int64 // zero: all that was reserved
}

// Fields are the properties of the body.
func (f *commitForm) Fields() []form.Field {
	return []form.Field{
		form.UUID("reservationId", &f.reservationID),
		form.OptionalWords("description", &f.description, maxDescription),
		form.Optional(amount(&f.amount)),
	}
}

func (f commitForm) op() ledger.Op {
	return ledger.Op{
		Kind: ledger.Commit, Source: ledger.FromService, ReservationID: f.reservationID,
		Description: f.description, Amount: f.amount,
	}
}

type releaseForm struct{ reservationID string }

// Fields are the properties of the body.
func (f *releaseForm) Fields() []form.Field {
	return []form.Field{form.UUID("reservationId", &f.reservationID)}
}

func (f releaseForm) op() ledger.Op {
	return ledger.Op{Kind: ledger.Release, Source: ledger.FromService, ReservationID: f.reservationID}
}

// pageQuery asks for a page of transactions.
type pageQuery struct {
	limit  int64 // zero: defaultPage
	offset int64
	cursor string
}

// Params are the parameters of the query.
func (q *pageQuery) Params() []form.Param {
	return []form.Param{
		form.IntegerParam("limit", &q.limit, 1, maxPage),
		// Before the offset, which may not stand beside it.
		form.TextParam("cursor", &q.cursor),
		form.NotBeside(form.IntegerParam("offset", &q.offset, 0, maxOffset), "cursor", func() bool { return q.cursor != "" }),
	}
}

func (q pageQuery) page() ledger.Page {
	return ledger.Page{Limit: int(cmp.Or(q.limit, defaultPage)), Offset: q.offset, Cursor: q.cursor}
}

// servicePageQuery asks for a page of the transactions of an app.
type servicePageQuery struct {
	pageQuery
	source string // empty: those that no user reported
}

// The values of the parameter source. The others are those of ledger.Source.
const anySource = "any"

// Params are the parameters of the query.
func (q *servicePageQuery) Params() []form.Param {
	return append(q.pageQuery.Params(), form.OneOfParam("source", &q.source, string(ledger.FromService), string(ledger.FromUser), anySource))
}

func (q servicePageQuery) sources() []ledger.Source {
	switch q.source {
	case anySource:
		return ledger.Sources
	case "":
		return []ledger.Source{ledger.FromSystem, ledger.FromService}
	}
	return []ledger.Source{ledger.Source(q.source)}
}
