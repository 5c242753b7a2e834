package forescale_test

import (
	"testing"

	"github.com/forescale/forescale"
)

func TestKeyMay(t *testing.T) {
	push, read, operate, admin := forescale.RolePush, forescale.RoleRead, forescale.RoleOperate, forescale.RoleAdmin
	tests := []struct {
		name    string
		key     forescale.Key
		role    forescale.Role
		service string
		want    bool
	}{
		{"a push key pushes for its service", forescale.Key{Role: push, Service: "checkout"}, push, "checkout", true},
		{"and for no other", forescale.Key{Role: push, Service: "checkout"}, push, "search", false},
		{"and reads nothing", forescale.Key{Role: push, Service: "checkout"}, read, "checkout", false},
		{"a push key of no service pushes for none", forescale.Key{Role: push}, push, "checkout", false},
		{"a read key reads", forescale.Key{Role: read}, read, "", true},
		{"but does not push", forescale.Key{Role: read}, push, "checkout", false},
		{"nor operate", forescale.Key{Role: read}, operate, "", false},
		{"an operate key reads", forescale.Key{Role: operate}, read, "", true},
		{"and pushes for any service", forescale.Key{Role: operate}, push, "search", true},
		{"but is no admin", forescale.Key{Role: operate}, admin, "", false},
		{"an admin key may do everything", forescale.Key{Role: admin}, admin, "", true},
		{"a revoked key grants nothing", forescale.Key{Role: admin, RevokedAt: noon}, read, "", false},
		{"a role that does not exist is not granted", forescale.Key{Role: admin}, "root", "", false},
		{"nor does one grant anything", forescale.Key{Role: "root"}, read, "", false},
		{"nor does none", forescale.Key{}, push, "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.key.May(tt.role, tt.service); got != tt.want {
				t.Errorf("%t, want %t", got, tt.want)
			}
		})
	}
}

func TestDecisionsThatSayTheSame(t *testing.T) {
	d := forescale.Decision{ID: "dec_1", Service: "checkout", At: noon, Mode: forescale.ModeActive, From: 4, To: 4, Outcome: forescale.OutcomeNone,
		Reasons: []forescale.Reason{{Code: forescale.CodeSteady}}}
	tests := []struct {
		name  string
		given func(e *forescale.Decision)
		want  bool
	}{
		{"later, with other numbers, it is the same", func(e *forescale.Decision) {
			e.ID, e.At, e.Required = "dec_2", noon.Add(1), 3
			e.Reasons = []forescale.Reason{{Code: forescale.CodeSteady, Numbers: numbers{"demand": 2}}}
		}, true},
		{"another count is another", func(e *forescale.Decision) { e.To = 5 }, false},
		{"another supply is another", func(e *forescale.Decision) { e.From = 5 }, false},
		{"another mode is another", func(e *forescale.Decision) { e.Mode = forescale.ModeForecastOnly }, false},
		{"another deciding reason is another", func(e *forescale.Decision) { e.Reasons = []forescale.Reason{{Code: forescale.CodePaused}} }, false},
		{"one that acts is never the same", func(e *forescale.Decision) { e.Actions = []forescale.Action{{Kind: forescale.ActionStart}} }, false},
		{"another outcome is another", func(e *forescale.Decision) { e.Outcome = forescale.OutcomeWould }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := d
			tt.given(&e)
			if d.Same(e) != tt.want || e.Same(d) != tt.want {
				t.Errorf("%t, %t; want %t", d.Same(e), e.Same(d), tt.want)
			}
		})
	}
}
