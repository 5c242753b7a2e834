package forescale_test

import (
	"testing"

	"github.com/forescale/forescale"
)

func TestNamesOfSecrets(t *testing.T) {
	for name, want := range map[string]bool{
		"PASSWORD": true, "DB_PASSWORD": true, "db_passwd": true, "API_KEY": true, "APIKEY": true, "TLS_PRIVATE_KEY": true,
		"AWS_CREDENTIALS": true, "GITHUB_TOKEN": true, "CLIENT_SECRET": true,
		"LANG": false, "PASSWORD_FILE": false, "KEYBOARD": false, "TOKENIZER": false, "MONKEY": false, "": false,
	} {
		if got := forescale.SecretName(name); got != want {
			t.Errorf("%q: %t, want %t", name, got, want)
		}
	}
}
