package main

import (
	"net/http"
	"time"
)

// The user of the story. The account ends with the temporary database.
const (
	email    = "ada@example.com"
	password = "correct horse battery staple"
)

// step is one request of the story and what has to come of it. $NAMES are
// variables: AUTH, BACKEND, and what earlier steps kept.
type step struct {
	title  string
	note   string // more to know; may be empty
	method string
	url    string
	bearer string            // a variable; empty: no token is sent
	body   string            // JSON; empty: none
	status int               // expected
	fields map[string]string // expected members of the answer; texts, may hold $NAMES
	keep   map[string]string // variable → member of the answer
	forge  string            // variable for a forgery of $ACCESS; empty: none is made
	within time.Duration     // how long the answer may take to become the expected one
}

const (
	loginBody = `{"email":"` + email + `","password":"` + password + `"}`
	meURL     = "$BACKEND/api/v1/me"
)

func story() []step {
	return []step{
		{
			title:  "The auth server is up",
			method: http.MethodGet, url: "$AUTH/api/v1/health",
			status: http.StatusOK, fields: map[string]string{"status": "ok"},
		},
		{
			title:  "Ada registers",
			method: http.MethodPost, url: "$AUTH/api/v1/auth/register",
			body:   `{"email":"` + email + `","password":"` + password + `","name":"Ada"}`,
			status: http.StatusCreated, fields: map[string]string{"email": email},
			keep: map[string]string{"USER": "id"},
		},
		{
			title:  "She logs in",
			note:   "An access token for 15 minutes, and a refresh token to get the next one.",
			method: http.MethodPost, url: "$AUTH/api/v1/auth/login",
			body:   loginBody,
			status: http.StatusOK, fields: map[string]string{"tokenType": "Bearer"},
			keep:  map[string]string{"ACCESS": "accessToken", "REFRESH": "refreshToken"},
			forge: "FORGED",
		},
		{
			title:  "The backend without a token: refused",
			method: http.MethodGet, url: meURL,
			status: http.StatusUnauthorized, fields: map[string]string{"code": "UNAUTHORIZED"},
		},
		{
			title:  "The backend with the token: it knows who calls",
			method: http.MethodGet, url: meURL, bearer: "ACCESS",
			status: http.StatusOK, fields: map[string]string{"userId": "$USER", "email": email, "role": "user"},
		},
		{
			title:  "A tampered token: refused",
			note:   `$FORGED is $ACCESS with "role":"admin" written into it.`,
			method: http.MethodGet, url: meURL, bearer: "FORGED",
			status: http.StatusUnauthorized, fields: map[string]string{"code": "INVALID_TOKEN"},
		},
		{
			title:  "Refresh: the token is spent, a successor takes its place",
			method: http.MethodPost, url: "$AUTH/api/v1/auth/refresh",
			body:   `{"refreshToken":"$REFRESH"}`,
			status: http.StatusOK, keep: map[string]string{"SUCCESSOR": "refreshToken"},
		},
		{
			title:  "The spent token once more: the same successor",
			note:   "An answer got lost and the client tries again: within 30 s that is forgiven.",
			method: http.MethodPost, url: "$AUTH/api/v1/auth/refresh",
			body:   `{"refreshToken":"$REFRESH"}`,
			status: http.StatusOK, fields: map[string]string{"refreshToken": "$SUCCESSOR"},
		},
		{
			title:  "The successor: works, and is spent",
			method: http.MethodPost, url: "$AUTH/api/v1/auth/refresh",
			body:   `{"refreshToken":"$SUCCESSOR"}`,
			status: http.StatusOK, keep: map[string]string{"ACCESS": "accessToken", "NEWEST": "refreshToken"},
		},
		{
			title:  "The first one again: theft, the whole family is revoked",
			note:   "Its successor was used: someone has a copy.",
			method: http.MethodPost, url: "$AUTH/api/v1/auth/refresh",
			body:   `{"refreshToken":"$REFRESH"}`,
			status: http.StatusUnauthorized, fields: map[string]string{"code": "INVALID_TOKEN", "message": "Invalid refresh token"},
		},
		{
			title:  "The newest of the family: dead as well",
			method: http.MethodPost, url: "$AUTH/api/v1/auth/refresh",
			body:   `{"refreshToken":"$NEWEST"}`,
			status: http.StatusUnauthorized, fields: map[string]string{"code": "INVALID_TOKEN", "message": "Invalid refresh token"},
		},
		{
			title:  "Ada logs in again: a new session",
			method: http.MethodPost, url: "$AUTH/api/v1/auth/login",
			body:   loginBody,
			status: http.StatusOK, keep: map[string]string{"ACCESS": "accessToken", "REFRESH": "refreshToken"},
		},
		{
			title:  "The backend takes the new token",
			method: http.MethodGet, url: meURL, bearer: "ACCESS",
			status: http.StatusOK, fields: map[string]string{"userId": "$USER"},
		},
		{
			title:  "She logs out",
			method: http.MethodPost, url: "$AUTH/api/v1/auth/logout",
			body:   `{"refreshToken":"$REFRESH"}`,
			status: http.StatusOK, fields: map[string]string{"message": "Signed out successfully"},
		},
		{
			title:  "The backend after logout: refused within a second",
			note:   "The token has minutes to live; the auth server told the backend of the logout.",
			method: http.MethodGet, url: meURL, bearer: "ACCESS",
			status: http.StatusUnauthorized, fields: map[string]string{"code": "INVALID_TOKEN"},
			within: time.Second,
		},
	}
}
