package forescale_test

import (
	"errors"
	"io"
	"testing"

	"github.com/forescale/forescale"
)

func TestFaults(t *testing.T) {
	f := &forescale.Fault{Code: "port_taken", What: "cannot listen on 127.0.0.1:8480", Where: "forescale.yaml:3", Help: "stop the other process", Err: io.EOF}
	if got, want := f.Terminal(), "error[port_taken]: cannot listen on 127.0.0.1:8480\n  --> forescale.yaml:3\n  help: stop the other process"; got != want {
		t.Errorf("on a terminal:\n%s\nwant\n%s", got, want)
	}
	if got, want := f.Error(), "forescale.yaml:3: cannot listen on 127.0.0.1:8480 (stop the other process)"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if !errors.Is(f, io.EOF) {
		t.Error("the cause is lost")
	}
	if err := (forescale.Faults)(nil).OrNil(); err != nil {
		t.Errorf("no faults are %v", err)
	}
	fs := forescale.Faults{f, {What: "b"}}
	if got := fs.OrNil(); got == nil || got.Error() != f.Error()+"\nb" || !errors.Is(got, io.EOF) {
		t.Errorf("two faults are %v", got)
	}
}
