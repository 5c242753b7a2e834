package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// wants says which arguments a command takes, by the words of its help; those in
// brackets may be left out. A fault names what is missing or too much.
func wants(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		help := fmt.Sprintf("write: %s; see `%s --help`", cmd.UseLine(), cmd.CommandPath())
		if len(args) > len(names) {
			return usage(fmt.Sprintf("unexpected argument %q", args[len(names)]), help)
		}
		for _, name := range names[len(args):] {
			if !strings.HasPrefix(name, "[") {
				return usage(name+" is missing", help)
			}
		}
		return nil
	}
}

// flagFault tells of an unknown or wrong flag, with the closest one if there is any.
func flagFault(cmd *cobra.Command, err error) error {
	return usage(strings.TrimSpace(err.Error()), fmt.Sprintf("see `%s --help`; nothing was done", cmd.CommandPath()))
}
