package wire

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/forescale/forescale/internal/agent/authority"
)

func TestTokensComeBackAsTheyWere(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		want := NewToken(rapid.StringMatching(`[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?`).Draw(rt, "node"), authority.Pin{1, 2, 3})
		got, err := ParseToken(" " + want.String() + "\n")
		if err != nil || got.Node != want.Node || got.Pin != want.Pin || string(got.Secret) != string(want.Secret) || string(got.Hash()) != string(want.Hash()) {
			rt.Fatalf("%v, %v", got, err)
		}
	})
}

func TestWhatIsNoTokenIsRefusedWithoutShowingIt(t *testing.T) {
	good := NewToken("node-1", authority.Pin{}).String()
	for _, text := range []string{"", "fsj_", "x", good[:len(good)-1], good[1:], good + ".x", strings.Replace(good, "node-1", "node 1", 1), strings.Replace(good, "fsj_", "fsk_", 1)} {
		_, err := ParseToken(text)
		if err == nil || len(text) > 20 && strings.Contains(err.Error(), text[10:]) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzParseToken(f *testing.F) {
	f.Add(NewToken("node-1", authority.Pin{9}).String())
	f.Fuzz(func(t *testing.T, text string) {
		if token, err := ParseToken(text); err == nil && token.String() != strings.TrimSpace(text) {
			t.Errorf("%q was read as %q", text, token)
		}
	})
}
