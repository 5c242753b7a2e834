package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

// version is set by the build: -ldflags "-X main.version=0.1.0".
var version = "dev"

// commands is the list of all commands, in the order of the help. One line
// here adds a command.
var commands = []func(*app) *cobra.Command{
	newServe,
	newServices,
	newPlan,
	newWhy,
	newNodes,
	newNode,
	newBudgets,
	newWarmups,
	newEvaluate,
	newCapacity,
	newPause,
	newRuns,
	newForecast,
	newSimulate,
	newImport,
	newDatasets,
	newKeys,
	newAgent,
	newAgents,
	newJoinToken,
	newStore,
	newConfig,
	newVersion,
	newDemo,
	newLoad,        // hidden: for sizing
	newDemoService, // hidden: what the demo runs
}

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "forescale",
		Short: "Scale container services before the load arrives",
		Long: `forescale collects how busy services are, learns their weekly and daily patterns
and how long they take to warm up, plans ahead, and starts and stops instances in
time. It only watches and forecasts until a service is made active.

Start with:  forescale serve        then open http://127.0.0.1:8480`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			a.started = true
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return cmd.Help()
		},
		PersistentPreRun: func(*cobra.Command, []string) { a.started = true },
	}
	root.SetFlagErrorFunc(flagFault)
	root.SuggestionsMinimumDistance = 2
	for _, c := range commands {
		root.AddCommand(c(a))
	}
	return root
}

// group is a command that only holds others; called alone it shows its help.
func group(use, short, long string, children ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Long: long, Args: cobra.ArbitraryArgs}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return unknownCommand(cmd, args[0])
		}
		return cmd.Help()
	}
	cmd.SuggestionsMinimumDistance = 2
	cmd.AddCommand(children...)
	return cmd
}

func newVersion(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Show the version",
		Args:  wants(),
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(a.stdout, "forescale", version)
			return err
		},
	}
}
