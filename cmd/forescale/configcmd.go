package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/forescale/forescale"
)

func newConfig(a *app) *cobra.Command {
	return group("config", "Check a config file, or show its schema", "", newConfigCheck(a), newConfigSchema(a))
}

func newConfigCheck(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "check [FILE]",
		Short: "Check a config file: all faults at once, each with line and suggestion",
		Long:  "Check a config file. Without FILE, the one named by FORESCALE_CONFIG. `-` reads standard input.\nNothing is changed, and no server is needed.",
		Args:  wants("[FILE]"),
		RunE: func(_ *cobra.Command, args []string) error {
			path := a.getenv("FORESCALE_CONFIG")
			if len(args) == 1 {
				path = args[0]
			}
			if path == "" {
				return &forescale.Fault{Code: "usage", What: "there is no config file to check", Help: "name it: `forescale config check forescale.yaml`"}
			}
			c, err := a.readConfig(path)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.stdout, "%s is fine: %s\n", path, counted(len(c.Services), "service"))
			return err
		},
	}
}

// readConfig is loadConfig that reads standard input for "-".
func (a *app) readConfig(path string) (*Config, error) {
	if path != "-" {
		return loadConfig(path)
	}
	data, err := readAllLimited(a.stdin, maxConfigSize)
	if err != nil {
		return nil, forescale.Faults{{Code: "config_unreadable", What: "cannot read the config: " + err.Error(), Where: "stdin"}}
	}
	return parseConfig("stdin", data)
}

func newConfigSchema(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of the config file",
		Long:  "Print the JSON Schema of the config file. Editors that know JSON Schema complete and check with it.",
		Args:  wants(),
		RunE: func(*cobra.Command, []string) error {
			s, err := configSchema()
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(a.stdout, string(s))
			return err
		},
	}
}
