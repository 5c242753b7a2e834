package main

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/forescale/forescale"
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

// One server plans on a database; a second one is told so.
func TestASecondServerIsKeptOffTheSameDatabase(t *testing.T) {
	address := os.Getenv("FORESCALE_TEST_POSTGRES")
	if address == "" {
		t.Skip("name a PostgreSQL server in FORESCALE_TEST_POSTGRES; internal/store/timescale tests the same on one of its own")
	}
	ctx, log := context.Background(), slog.New(slog.DiscardHandler)
	st, err := openStore(ctx, address)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	one, err := claimStore(ctx, st, log)
	if err != nil {
		t.Fatal(err)
	}
	_, err = claimStore(ctx, st, log)
	if f, ok := err.(*forescale.Fault); !ok || f.Code != "store_in_use" {
		t.Errorf("the second claim: %v", err)
	}
	if err := one.release(); err != nil {
		t.Error(err)
	}
	two, err := claimStore(ctx, st, log)
	if err != nil {
		t.Fatal(err)
	}
	if err := two.release(); err != nil {
		t.Error(err)
	}
}
