package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

// durationValue is a flag that reads days too: 90s, 3h, 2d.
type durationValue time.Duration

func durationFlag(cmd *cobra.Command, name string, fallback time.Duration, doc string) *durationValue {
	v := durationValue(fallback)
	cmd.Flags().Var(&v, name, doc)
	return &v
}

func (d *durationValue) String() string { return shortDuration(time.Duration(*d)) }
func (d *durationValue) Type() string   { return "duration" }

// Set implements pflag.Value.
func (d *durationValue) Set(s string) error {
	v, err := parseDuration(s)
	if err != nil || v <= 0 {
		return fmt.Errorf("%q is not a duration such as 90s, 2h or 3d", s)
	}
	*d = durationValue(v)
	return nil
}

// line writes cells with tabs between, for a pipe.
func (a *app) line(cells []string) error {
	_, err := fmt.Fprintln(a.stdout, strings.Join(cells, "\t"))
	return err
}

func padRight(s string, width int) string {
	return s + strings.Repeat(" ", max(2, width-utf8.RuneCountInString(s)))
}

func sorted(ss []string) []string {
	slices.Sort(ss)
	return ss
}
