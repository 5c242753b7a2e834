package main

import (
	"strings"
	"testing"
)

// The address of a database holds a password at times, and is nobody's business.
func TestAnAddressOfADatabaseIsShownWithoutUserAndPassword(t *testing.T) {
	const address = "postgres://ann:s3cret@db.example:6432/fore?sslmode=require"
	if got := storeName(address); got != "postgres://db.example:6432/fore" {
		t.Errorf("shown as %s", got)
	}
	for _, broken := range []string{"postgres://ann:s3cret@[broken", "postgres://ann:s3%ret@h/d", "postgres://ann:s3cret@h/d?sslmode=maybe"} {
		if got := storeName(broken); strings.Contains(got, "s3") || strings.Contains(got, "ann") {
			t.Errorf("shown as %s", got)
		}
		if _, err := openStore(t.Context(), broken); err == nil || strings.Contains(err.Error(), "s3") {
			t.Errorf("opening it said %v", err)
		}
	}
}
