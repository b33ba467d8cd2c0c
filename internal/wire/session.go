package wire

import "github.com/go-json-experiment/json/jsontext"

// The routes of the auth server below its base URL, beside those that a
// backend calls.
const (
	HealthPath   = "/api/v1/health"
	RegisterPath = "/api/v1/auth/register"
	LoginPath    = "/api/v1/auth/login"
	RefreshPath  = "/api/v1/auth/refresh"
	LogoutPath   = "/api/v1/auth/logout"
	SessionPath  = "/api/v1/auth/session"

	SessionsPath       = "/api/v1/auth/sessions" // and below it one by its id
	SecurityEventsPath = "/api/v1/auth/security-events"
	ChangePasswordPath = "/api/v1/auth/change-password"
	AccountPath        = "/api/v1/auth/account"
)

// RegisterResponse is the body of a successful POST RegisterPath. The user's
// fields stand twice: one generation of clients reads user, the other the top
// level. Token is a refresh token of the session that registration opens.
type RegisterResponse struct {
	User  RegisteredUser `json:"user"`
	ID    string         `json:"id"`
	Email string         `json:"email"`
	Name  string         `json:"name"`
	Token string         `json:"token"`
}

// RegisteredUser is the user of a RegisterResponse.
type RegisteredUser struct {
	ID    string `json:"id"`
	Email string `json:"email"`
	Name  string `json:"name"`
}

// TokenResponse is the body of a successful POST LoginPath or RefreshPath.
// ExpiresIn is the access token's life in seconds.
type TokenResponse struct {
	User         SessionUser `json:"user"`
	AccessToken  string      `json:"accessToken"`
	RefreshToken string      `json:"refreshToken"`
	ExpiresIn    int64       `json:"expiresIn"`
	TokenType    string      `json:"tokenType"`
}

// SessionUser is the user of a TokenResponse and a SessionResponse.
type SessionUser struct {
	ID    string `json:"id"`
	Email string `json:"email"`
	Name  string `json:"name"`
	Role  string `json:"role"`
}

// SuccessResponse is the body of a successful POST LogoutPath or
// ChangePasswordPath, and of a successful DELETE AccountPath.
type SuccessResponse struct {
	Success bool   `json:"success"`
	Message string `json:"message"`
}

// SessionResponse is the body of a successful GET SessionPath. GET SessionsPath
// answers with an array of Session.
type SessionResponse struct {
	User    SessionUser `json:"user"`
	Session Session     `json:"session"`
}

// Session is one session as its user sees it. What was not told is null;
// instants are in TimeFormat.
type Session struct {
	ID             string  `json:"id"`
	IPAddress      *string `json:"ipAddress"`
	UserAgent      *string `json:"userAgent"`
	DeviceID       *string `json:"deviceId"`
	DeviceName     *string `json:"deviceName"`
	LastActivityAt string  `json:"lastActivityAt"`
	CreatedAt      string  `json:"createdAt"`
	ExpiresAt      string  `json:"expiresAt"`
	Current        bool    `json:"current"` // whether the request came from this session
}

// SecurityEvent is one entry of the answer to GET SecurityEventsPath. What is
// not known is null.
type SecurityEvent struct {
	ID        string         `json:"id"`
	EventType string         `json:"eventType"`
	IPAddress *string        `json:"ipAddress"`
	UserAgent *string        `json:"userAgent"`
	Metadata  jsontext.Value `json:"metadata"` // an object
	CreatedAt string         `json:"createdAt"`
}
