package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/forescale/forescale/internal/demo"
)

// newDemoService is what runs in the containers of the demonstration.
func newDemoService(*app) *cobra.Command {
	var listen string
	var capacity float64
	var startup time.Duration
	cmd := &cobra.Command{
		Use:    "demo-service",
		Short:  "The service that `forescale demo` scales",
		Hidden: true,
		Args:   wants(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !(capacity > 0) || startup < 0 {
				return usage("the capacity must be above 0 and the start-up time not below", "see `forescale demo-service --help`")
			}
			return demo.Work(cmd.Context(), listen, capacity, startup)
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:8080", "address to serve at")
	cmd.Flags().Float64Var(&capacity, "capacity", 40, "requests a second that it can do")
	cmd.Flags().DurationVar(&startup, "startup", time.Second, "how long it loads before it listens")
	return cmd
}
