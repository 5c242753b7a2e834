package main

import (
	"github.com/spf13/cobra"
)

func newStore(a *app) *cobra.Command {
	return group("store", "Copy and check stores",
		"Copy a store to another place, also from a file to a database and back, and check one\nwithout changing anything.",
		newStoreCopy(a), newStoreCheck(a))
}
