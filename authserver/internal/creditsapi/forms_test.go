package creditsapi

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/manacore/manacore-go/authserver/internal/form"
	"github.com/manacore/manacore-go/authserver/internal/ledger"
)

func problemsOf(t *testing.T, err error) []string {
	t.Helper()
	var invalid *form.InvalidError
	if err == nil {
		return nil
	}
	if !errors.As(err, &invalid) {
		t.Fatalf("%v", err)
	}
	return invalid.Problems
}

// TestFormProblems: what is wrong with a body is told in this order and in these
// words.
func TestFormProblems(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 501)
	user, positive, whole := "userId must be a string", "amount must be a positive number", "amount must be an integer number"
	app, description := "appId must be a string", "description must be a string"
	for name, test := range map[string]struct {
		fields interface{ Fields() []form.Field }
		body   string
		want   []string
	}{
		"own use, empty":  {&spending{}, `{}`, []string{positive, whole, app, description}},
		"use, empty":      {&useForm{}, `{}`, []string{user, positive, whole, description}},
		"use, no app":     {&useForm{}, `{"userId":"ann","amount":1,"appId":"","description":"d"}`, nil},
		"own use, no app": {&spending{}, `{"amount":1,"appId":"","description":"d"}`, []string{"appId must be a valid id"}},
		"use, all wrong": {&useForm{}, `{"zz":1,"metadata":[],"idempotencyKey":1,"description":"","appId":"a/b","amount":0,"userId":"../x","aa":1}`, []string{
			"userId must be a valid id", positive, "appId must be a valid id", "description should not be empty",
			"idempotencyKey must be a string", "metadata must be an object", "property aa should not exist", "property zz should not exist"}},
		"use, all too long": {&useForm{}, `{"userId":"` + long + `","amount":9007199254740992,"appId":"` + long + `","description":"` + long +
			`","idempotencyKey":"` + long + `","metadata":{"a":"` + strings.Repeat(long, 9) + `"}}`, []string{
			"userId must be a valid id", "amount must not be greater than 9007199254740991", "appId must be a valid id",
			"description must be shorter than or equal to 500 characters", "idempotencyKey must be shorter than or equal to 255 characters",
			"metadata must be shorter than or equal to 4096 bytes"}},
		"use, control characters": {&useForm{}, `{"userId":"ann","amount":1,"appId":"chat","description":"a\u0000","idempotencyKey":"a\n"}`, []string{
			"description must not contain control characters", "idempotencyKey must not contain control characters"}},
		"refund": {&refundForm{}, `{"transactionId":"1"}`, []string{user, positive, whole, description, "transactionId must be a UUID"}},
		"init":   {&initForm{}, `{}`, []string{user}},
		"grant":  {&grantForm{}, `{"description":5}`, []string{user, positive, whole, "reason must be a string", "referenceId must be a string", description}},
		"grant, empty texts": {&grantForm{}, `{"userId":"ann","amount":1,"reason":"","referenceId":"","description":""}`, []string{
			"reason should not be empty", "referenceId should not be empty"}},
		"reserve": {&reserveForm{}, `{"idempotencyKey":{},"expiresIn":0}`, []string{user, positive, whole, "reason must be a string",
			"idempotencyKey must be a string", "expiresIn must be between 1 and 86400 seconds"}},
		"reserve, too long": {&reserveForm{}, `{"userId":"ann","amount":1,"reason":"r","expiresIn":86401}`, []string{"expiresIn must be between 1 and 86400 seconds"}},
		"reserve, a text":   {&reserveForm{}, `{"userId":"ann","amount":1,"reason":"r","expiresIn":"1"}`, []string{"expiresIn must be an integer number"}},
		"commit": {&commitForm{}, `{"reservationId":"01890A5D-AC96-774B-BCCE-B302099A8057","description":1,"amount":-1}`, []string{
			"reservationId must be a UUID", description, positive}},
		"release": {&releaseForm{}, `{}`, []string{"reservationId must be a UUID"}},
	} {
		if diff := cmp.Diff(test.want, problemsOf(t, form.Parse([]byte(test.body), test.fields.Fields()))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestO17WholeNumbers: a whole number counts in any spelling, and nothing else
// does.
func TestO17WholeNumbers(t *testing.T) {
	t.Parallel()
	const positive, whole, large = "amount must be a positive number", "amount must be an integer number", "amount must not be greater than 9007199254740991"
	for spelling, want := range map[string]struct {
		amount   int64
		problems []string
	}{
		"2": {amount: 2}, "2.0": {amount: 2}, "2e0": {amount: 2}, "20e-1": {amount: 2}, "1E1": {amount: 10}, "0.1e2": {amount: 10},
		"9007199254740991.000": {amount: 9007199254740991},
		"0.5":                  {problems: []string{whole}}, "15e-1": {problems: []string{whole}}, "1e-400": {problems: []string{whole}},
		`"2"`: {problems: []string{positive, whole}}, "null": {problems: []string{positive, whole}},
		"true": {problems: []string{positive, whole}}, "[2]": {problems: []string{positive, whole}}, "-0.5": {problems: []string{positive, whole}},
		"0.0": {problems: []string{positive}}, "-2.0": {problems: []string{positive}}, "-1e400": {problems: []string{positive}},
		"1e400": {problems: []string{large}}, "1e99999999999999999999": {problems: []string{large}},
	} {
		var f grantForm
		problems := problemsOf(t, form.Parse([]byte(`{"userId":"ann","reason":"r","referenceId":"x","amount":`+spelling+`}`), f.Fields()))
		if diff := cmp.Diff(want.problems, problems); diff != "" || f.amount != want.amount {
			t.Errorf("%s: amount %d, want %d (-want +got):\n%s", spelling, f.amount, want.amount, diff)
		}
	}
	var f reserveForm
	if err := form.Parse([]byte(`{"userId":"ann","reason":"r","amount":1,"expiresIn":6e1}`), f.Fields()); err != nil || f.lifetime != time.Minute {
		t.Errorf("expiresIn 6e1: %v, %v", f.lifetime, err)
	}
	var q pageQuery
	if err := form.ParseQuery("limit=5e1&offset=1.0", q.Params()); err != nil || q.limit != 50 || q.offset != 1 {
		t.Errorf("limit=5e1&offset=1.0: %+v, %v", q, err)
	}
}

// TestQueryProblems: so for a query.
func TestQueryProblems(t *testing.T) {
	t.Parallel()
	day := "%s must be a date in the form YYYY-MM-DD"
	from, to := strings.Replace(day, "%s", "from", 1), strings.Replace(day, "%s", "to", 1)
	for query, want := range map[string][]string{
		"":                         nil,
		"limit=200&offset=0":       nil,
		"cursor=x":                 nil,
		"cursor=&offset=1":         nil,
		"other=1":                  nil,
		"limit=0":                  {"limit must not be less than 1"},
		"limit=201":                {"limit must not be greater than 200"},
		"limit=":                   {"limit must be an integer number"},
		"limit=1&limit=2":          {"limit must be an integer number"},
		"offset=-1&limit=x":        {"limit must be an integer number", "offset must not be less than 0"},
		"offset=1000000001":        {"offset must not be greater than 1000000000"},
		"cursor=x&offset=1":        {"offset should not exist beside cursor"},
		"offset=x&cursor=x&limit=": {"limit must be an integer number", "offset must be an integer number", "offset should not exist beside cursor"},
	} {
		if diff := cmp.Diff(want, problemsOf(t, form.ParseQuery(query, (&pageQuery{}).Params()))); diff != "" {
			t.Errorf("page %q (-want +got):\n%s", query, diff)
		}
	}
	for query, want := range map[string][]string{
		"":                              nil,
		"from=2026-02-28&to=2026-02-28": nil,
		"from=2024-02-29":               nil,
		"from=2026-02-29":               {from},
		"to=2026-2-1&from=":             {from, to},
		"to=2026-01-01T00:00:00Z":       {to},
		"from=26-01-01":                 {from},
		"from=2026-01-01&from=2026-01-01&to=%2B2026-01-01": {from, to},
	} {
		if diff := cmp.Diff(want, problemsOf(t, form.ParseQuery(query, (&usageQuery{}).Params()))); diff != "" {
			t.Errorf("usage %q (-want +got):\n%s", query, diff)
		}
	}
}

// TestFormsBecomeOperations: every property of a body gets where it belongs.
func TestFormsBecomeOperations(t *testing.T) {
	t.Parallel()
	const id = "01890a5d-ac96-774b-bcce-b302099a8057"
	const spent = `"amount":7,"appId":"chat","description":"d","idempotencyKey":"k","metadata":{ "a": 1 }`
	parse := func(f interface{ Fields() []form.Field }, body string) {
		t.Helper()
		if err := form.Parse([]byte(body), f.Fields()); err != nil {
			t.Fatal(err)
		}
	}
	var (
		own     spending
		use     useForm
		refund  refundForm
		grant   grantForm
		reserve reserveForm
		bare    reserveForm
		commit  commitForm
		release releaseForm
	)
	parse(&own, `{`+spent+`}`)
	parse(&use, `{"userId":"ann",`+spent+`}`)
	parse(&refund, `{"userId":"ann",`+spent+`,"transactionId":"`+id+`"}`)
	parse(&grant, `{"userId":"ann","amount":7,"reason":"r","referenceId":"x","description":"d"}`)
	parse(&reserve, `{"userId":"ann","amount":7,"reason":"r","idempotencyKey":"k","expiresIn":60}`)
	parse(&bare, `{"userId":"ann","amount":7,"reason":"r","expiresIn":null}`)
	parse(&commit, `{"reservationId":"`+id+`","description":"d","amount":7}`)
	parse(&release, `{"reservationId":"`+id+`"}`)
	got := []ledger.Op{own.op(ledger.Use, ledger.FromUser, "ann"), use.op(), refund.op(), grant.op(), reserve.op(), bare.op(), commit.op(), release.op()}
	from, user := ledger.FromService, "ann"
	want := []ledger.Op{
		{Kind: ledger.Use, Source: ledger.FromUser, UserID: user, AppID: "chat", Amount: 7, Description: "d", Key: "k", Metadata: `{"a":1}`},
		{Kind: ledger.Use, Source: from, UserID: user, AppID: "chat", Amount: 7, Description: "d", Key: "k", Metadata: `{"a":1}`},
		{Kind: ledger.GiveBack, Source: from, UserID: user, AppID: "chat", Amount: 7, Description: "d", Key: "k", Metadata: `{"a":1}`, TransactionID: id},
		{Kind: ledger.Grant, Source: from, UserID: user, Amount: 7, Reason: "r", Reference: "x", Description: "d"},
		{Kind: ledger.Reserve, Source: from, UserID: user, Amount: 7, Reason: "r", Key: "k", Lifetime: time.Minute},
		{Kind: ledger.Reserve, Source: from, UserID: user, Amount: 7, Reason: "r", Lifetime: 15 * time.Minute},
		{Kind: ledger.Commit, Source: from, ReservationID: id, Description: "d", Amount: 7},
		{Kind: ledger.Release, Source: from, ReservationID: id},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(ledger.Op{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
