package wirerecord

import (
	"strings"
	"time"

	"github.com/manacore/manacore-go/authserver"
)

const (
	auth  = "/api/v1/auth"
	annIn = `{"email":"ann@example.com","password":"correct horse battery"}`
	bobIn = `{"email":"bob@example.com","password":"correct horse battery"}`
)

func registerAs(name string) step {
	return post("register "+name, auth+"/register",
		`{"email":"`+name+`@example.com","password":"correct horse battery","name":"Name of `+name+`"}`).keep("new" + name)
}

func login(about, body, name string) step { return post(about, auth+"/login", body).keep(name) }

// accountSteps are what a user does with the own account.
func accountSteps() []step {
	events, change, account := auth+"/security-events", auth+"/change-password", auth+"/account"
	steps := []step{registerAs("ann"), wait(time.Second), login("login", annIn, "ann"), wait(time.Second), login("another session", annIn, "other")}
	for _, path := range []string{events, auth + "/session", auth + "/sessions"} {
		steps = append(steps,
			get("no token", path),
			get("another scheme", path, "Authorization", "Basic YTpi"),
			get("a bad token", path, "Authorization", "Bearer nonsense"),
			get("a header that holds two", path, "Authorization", "Bearer a b"),
			get("two headers", path, append(bearer("ann"), "Authorization", "Bearer b")...))
	}
	return append(steps,
		get("security events", events, bearer("ann")...),
		post("no token", change, `{}`),
		post("nothing", change, `{}`, bearer("ann")...),
		post("too short", change, `{"currentPassword":"","newPassword":"short"}`, bearer("ann")...),
		post("wrong password", change, `{"currentPassword":"wrong","newPassword":"another horse battery"}`, bearer("ann")...),
		post("change of password", change, `{"currentPassword":"correct horse battery","newPassword":"another horse battery"}`, bearer("ann")...),
		get("the other session ended", auth+"/session", bearer("other")...),
		get("this one lives", auth+"/session", bearer("ann")...),
		post("the old password", auth+"/login", annIn),
		wait(time.Second),
		request("DELETE", "no token", account, `{}`),
		request("DELETE", "no body", account, "", bearer("ann")...),
		request("DELETE", "reason of another type", account, `{"password":"x","reason":1}`, bearer("ann")...),
		request("DELETE", "wrong password", account, `{"password":"wrong"}`, bearer("ann")...),
		request("DELETE", "deletion", account, `{"password":"another horse battery","reason":"done"}`, bearer("ann")...),
		get("after it", auth+"/session", bearer("ann")...),
		post("login after it", auth+"/login", `{"email":"ann@example.com","password":"another horse battery"}`),
		post("the address stays taken", auth+"/register", `{"email":"ann@example.com","password":"correct horse battery","name":"Ann"}`),
		post("refresh after it", auth+"/refresh", `{"refreshToken":"{ann.refreshToken}"}`),
		registerAs("bob"), login("login", bobIn, "bob"),
		act("an operator makes bob an admin", func(s *stage) {
			s.admin(func(a *authserver.Admin) error {
				_, err := a.SetRole(s.Context(), "bob@example.com", "admin")
				return err
			})
		}),
		wait(time.Second),
		get("whose sessions ended", auth+"/session", bearer("bob")...),
		login("login as an admin", bobIn, "bob"),
		act("an operator disables bob", func(s *stage) {
			s.admin(func(a *authserver.Admin) error { _, err := a.Disable(s.Context(), "bob@example.com"); return err })
		}),
		wait(time.Second),
		get("disabled", auth+"/session", bearer("bob")...),
		post("refresh while disabled", auth+"/refresh", `{"refreshToken":"{bob.refreshToken}"}`),
		post("login while disabled", auth+"/login", bobIn),
	)
}

// inputSteps are what a form refuses.
func inputSteps() []step {
	var steps []step
	for _, path := range []string{"/register", "/login", "/refresh", "/logout", "/validate"} {
		for _, row := range [][2]string{
			{"malformed JSON", `{"email":`}, {"an array", `[]`}, {"null", `null`}, {"a name twice", `{"a":1,"a":2}`},
			{"anything behind it", `{} {}`}, {"no body", ``}, {"an empty object", `{}`}, {"an unknown property", `{"surprise":1}`},
			{"properties of another type", `{"email":1,"password":2,"name":3,"refreshToken":4,"token":5,"rememberMe":"yes","deviceId":6}`},
			{"too large", `{"token":"` + strings.Repeat("x", 100<<10) + `"}`},
		} {
			steps = append(steps, post(row[0], auth+path, row[1]))
		}
	}
	for _, row := range [][2]string{
		{"no e-mail address", `{"email":"nobody","password":"correct horse battery","name":"Ann"}`},
		{"a short password", `{"email":"ann@example.com","password":"short","name":"Ann"}`},
		{"a long password", `{"email":"ann@example.com","password":"` + strings.Repeat("x", 129) + `","name":"Ann"}`},
		{"a short name", `{"email":"ann@example.com","password":"correct horse battery","name":" A "}`},
		{"a long name", `{"email":"ann@example.com","password":"correct horse battery","name":"` + strings.Repeat("x", 256) + `"}`},
		{"a control character", `{"email":"ann@example.com","password":"correct horse battery","name":"An\u0007n"}`},
		{"a long property name", `{"` + strings.Repeat("x", 65) + `":1}`},
		{"more problems than are listed", `{"a1":1,"a2":1,"a3":1,"a4":1,"a5":1,"a6":1,"a7":1,"a8":1,"a9":1,"b1":1,"b2":1,"b3":1,"b4":1,"b5":1,"b6":1}`},
		{"options of another type", `{"email":"ann@example.com","password":"correct horse battery","name":"Ann","referralCode":1,"sourceAppId":2}`},
		{"success", `{"email":"ANN@example.com","password":"correct horse battery","name":" Zoë ","referralCode":"r","sourceAppId":null}`},
		{"again", `{"email":"ann@example.com","password":"correct horse battery","name":"Ann"}`},
	} {
		steps = append(steps, post(row[0], auth+"/register", row[1]))
	}
	for _, row := range [][2]string{
		{"wrong password", `{"email":"ann@example.com","password":"wrong"}`},
		{"unknown user", `{"email":"nobody@example.com","password":"wrong"}`},
		{"an empty password", `{"email":"ann@example.com","password":""}`},
		{"an endless password", `{"email":"ann@example.com","password":"` + strings.Repeat("x", 1025) + `"}`},
		{"a long device", `{"email":"ann@example.com","password":"w","deviceId":"` + strings.Repeat("x", 256) + `","deviceName":"a\u0000"}`},
		{"everything", `{"email":"ann@example.com","password":"correct horse battery","deviceId":"d","deviceName":"n","rememberMe":true,"ipAddress":"9.9.9.9","userAgent":"u"}`},
	} {
		steps = append(steps, post(row[0], auth+"/login", row[1]))
	}
	return steps
}

// sessionSteps are the life of sessions and of their refresh tokens.
func sessionSteps() []step {
	refresh := func(about, name string) step {
		return post(about, auth+"/refresh", `{"refreshToken":"{`+name+`.refreshToken}"}`)
	}
	logout := func(about, body string, headers ...string) step { return post(about, auth+"/logout", body, headers...) }
	return []step{
		registerAs("ann"),
		post("the token of a registration", auth+"/refresh", `{"refreshToken":"{newann.token}"}`),
		wait(time.Second),
		login("login", annIn, "first"),
		wait(time.Second),
		post("login that is to be remembered", auth+"/login",
			`{"email":"ann@example.com","password":"correct horse battery","rememberMe":true,"deviceId":"d1","deviceName":"Phone"}`,
			"X-Forwarded-For", "203.0.113.7").keep("phone"),
		get("session", auth+"/session", bearer("first")...),
		get("sessions", auth+"/sessions", bearer("first")...).keep("list"),
		refresh("refresh", "first").keep("second"),
		refresh("repeated in the grace", "first"),
		wait(30 * time.Second),
		refresh("repeated at the end of the grace", "first"),
		refresh("refresh of the successor", "second").keep("third"),
		refresh("reuse", "first"),
		refresh("whose family ended", "third"),
		get("and the session", auth+"/session", bearer("third")...),
		post("unknown", auth+"/refresh", `{"refreshToken":"nonsense"}`),
		post("an access token", auth+"/refresh", `{"refreshToken":"{phone.accessToken}"}`),
		get("security events after the reuse", auth+"/security-events", bearer("phone")...),
		request("DELETE", "no token", auth+"/sessions/{list.0.id}", ""),
		request("DELETE", "unknown session", auth+"/sessions/nonsense", "", bearer("phone")...),
		request("DELETE", "not UTF-8", auth+"/sessions/%ff", "", bearer("phone")...),
		request("DELETE", "NUL", auth+"/sessions/%00", "", bearer("phone")...),
		wait(time.Second),
		login("another session", annIn, "fourth"),
		get("its id", auth+"/session", bearer("fourth")...).keep("shown"),
		registerAs("bob"), login("a stranger", bobIn, "bob"),
		request("DELETE", "a session of somebody else", auth+"/sessions/{shown.session.id}", "", bearer("bob")...),
		request("DELETE", "revoke", auth+"/sessions/{shown.session.id}", "", bearer("phone")...),
		request("DELETE", "again", auth+"/sessions/{shown.session.id}", "", bearer("phone")...),
		get("revoked", auth+"/session", bearer("fourth")...),
		refresh("refresh of the revoked", "fourth"),
		logout("logout with nothing", ``),
		logout("with a bad token", ``, "Authorization", "Bearer nonsense"),
		logout("with a malformed header", ``, "Authorization", "Bearer a b"),
		logout("with an unknown refresh token", `{"refreshToken":"nonsense"}`),
		logout("with a bad token and a refresh token", `{"refreshToken":"{bob.refreshToken}"}`, "Authorization", "Bearer nonsense"),
		refresh("which is gone", "bob"),
		login("login", bobIn, "bob"),
		logout("with a bearer token", ``, bearer("bob")...),
		logout("again", ``, bearer("bob")...),
		login("login", bobIn, "bob"),
		logout("with both", `{"refreshToken":"{bob.refreshToken}"}`, bearer("bob")...),
		wait(15 * time.Minute),
		get("an access token that is too old", auth+"/session", bearer("phone")...),
		logout("logout with it", ``, bearer("phone")...),
		login("login", bobIn, "old"),
		wait(7 * 24 * time.Hour),
		refresh("a refresh token that is too old", "old"),
		refresh("one that is remembered", "phone").keep("phone"),
		wait(30 * 24 * time.Hour),
		refresh("and not for ever", "phone"),
	}
}

// validateSteps are the verdicts. The first server has another issuer.
func validateSteps() []step {
	verdict := func(about, body string) step { return post(about, auth+"/validate", body) }
	return []step{
		registerAs("ann"), login("login at another issuer", annIn, "elsewhere"),
		act("the server is opened with the usual issuer", func(s *stage) {
			s.close()
			s.setup.issuer = ""
			s.open()
		}),
		verdict("another issuer", `{"token":"{elsewhere.accessToken}"}`),
		login("login", annIn, "ann"),
		verdict("valid", `{"token":"{ann.accessToken}"}`),
		verdict("again", `{"token":"{ann.accessToken}"}`),
		verdict("an unknown field", `{"token":"{ann.accessToken}","extra":1}`),
		verdict("null", `{"token":null}`),
		verdict("empty", `{"token":""}`),
		verdict("malformed", `{"token":"nonsense"}`),
		verdict("three parts", `{"token":"a.b.c"}`),
		verdict("another signature", `{"token":"{ann.accessToken}A"}`),
		verdict("too long", `{"token":"`+strings.Repeat("x", 9000)+`"}`),
		verdict("a refresh token", `{"token":"{ann.refreshToken}"}`),
		request("HEAD", "another method", auth+"/validate", ""),
		post("logout", auth+"/logout", `{"refreshToken":"{ann.refreshToken}"}`),
		verdict("after the logout", `{"token":"{ann.accessToken}"}`),
		login("login", annIn, "ann"),
		wait(15 * time.Minute),
		verdict("expired", `{"token":"{ann.accessToken}"}`),
		registerAs("bob"), login("login", bobIn, "bob"),
		verdict("valid", `{"token":"{bob.accessToken}"}`),
		act("an operator disables bob", func(s *stage) {
			s.admin(func(a *authserver.Admin) error { _, err := a.Disable(s.Context(), "bob@example.com"); return err })
		}),
		wait(time.Second),
		verdict("disabled", `{"token":"{bob.accessToken}"}`),
		login("login", annIn, "ann"),
		act("an operator deletes ann", func(s *stage) {
			s.admin(func(a *authserver.Admin) error { _, err := a.Delete(s.Context(), "ann@example.com"); return err })
		}),
		wait(time.Second),
		verdict("deleted", `{"token":"{ann.accessToken}"}`),
		registerAs("cid"), login("login", `{"email":"cid@example.com","password":"correct horse battery"}`, "cid"),
		act("an operator retires the signing key", func(s *stage) {
			s.admin(func(a *authserver.Admin) error {
				keys, err := a.Keys(s.Context())
				if err != nil {
					return err
				}
				return a.RetireKey(s.Context(), keys[0].ID)
			})
		}),
		wait(2 * time.Second),
		verdict("a key that is gone", `{"token":"{cid.accessToken}"}`),
		get("session by it", auth+"/session", bearer("cid")...),
		wait(2 * time.Second),
		post("refresh signs by another key", auth+"/refresh", `{"refreshToken":"{cid.refreshToken}"}`),
	}
}
