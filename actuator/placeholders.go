package actuator

import (
	"fmt"
	"slices"
	"strings"

	"github.com/forescale/forescale"
)

// NodePlaceholders are what the arguments of a start, stop or list command may have in
// braces.
var NodePlaceholders = map[string][]string{
	"start": {"cores", "key", "memory", "node", "server", "token_file", "type"},
	"stop":  {"key", "node", "server", "type"},
	"list":  {"server", "type"},
}

// Validate gathers the faults of commands. Their Where is the key in the config: start,
// stop, list, server or env.
func (c NodeCommands) Validate() error {
	var fs forescale.Faults
	bad := func(where, help, what string, args ...any) {
		fs = append(fs, &forescale.Fault{Code: "node_command_invalid", Where: where, What: fmt.Sprintf(what, args...), Help: help})
	}
	if len(c.Start) == 0 && len(c.Stop)+len(c.List) > 0 {
		bad("stop", "add start, or leave stop and list out", "there is no start command")
	}
	if len(c.Start) > 0 && len(c.Stop) == 0 {
		bad("start", "add stop: what is ordered has to be given back", "there is no stop command")
	}
	for _, k := range []struct {
		kind string
		argv []string
	}{{"start", c.Start}, {"stop", c.Stop}, {"list", c.List}} {
		c.check(k.kind, k.argv, func(help, what string, args ...any) { bad(k.kind, help, what, args...) })
	}
	for _, name := range c.Env {
		if name == "" || strings.ContainsAny(name, "=\x00\n ") || slices.Contains(ownVariables, name) {
			bad("env", "write the names of variables of the server's environment; its own secrets are not for commands", "%.60q cannot be handed on", name)
		}
	}
	if c.Server != "" && (!strings.HasPrefix(c.Server, "https://") || !plainText(c.Server)) {
		bad("server", "write https://HOST:PORT, as `forescale serve --agents` listens", "%.60q is not where agents reach the server", c.Server)
	}
	return fs.OrNil()
}

// ownVariables hold secrets of the server, or are set for each command.
var ownVariables = []string{"FORESCALE_KEY", "FORESCALE_STORE", "FORESCALE_JOIN_TOKEN", "FORESCALE_NODE"}

// check looks at one command.
func (c NodeCommands) check(kind string, argv []string, bad func(help, what string, args ...any)) {
	if len(argv) == 0 {
		return
	}
	named := false
	for i, arg := range argv {
		if strings.ContainsAny(arg, "\x00\n\r") {
			bad("write it in one line", "argument %d has a line break or a zero in it", i)
			return
		}
		parts, err := split(arg)
		if err != nil {
			bad("write {{ and }} for braces", "argument %d: %v", i, err)
			return
		}
		for _, p := range parts {
			if !p.placeholder {
				continue
			}
			switch {
			case p.text == "token":
				bad("read the variable FORESCALE_JOIN_TOKEN, or the file {token_file}", "{token} would show a secret to all on this machine")
			case i == 0:
				bad("name the program as it is", "the program of %s has a placeholder", kind)
			case !slices.Contains(NodePlaceholders[kind], p.text):
				bad("use "+braced(NodePlaceholders[kind]), "{%s} is no placeholder of %s", p.text, kind)
			case p.text == "server" && c.Server == "":
				bad("add server: https://HOST:PORT", "{server} stands for nothing")
			}
			named = named || p.text == "node" || p.text == "key"
		}
	}
	if argv[0] == "" {
		bad("name the program first", "%s names no program", kind)
	}
	if !named && kind != "list" {
		bad("add {node}: it makes the command safe to repeat", "%s does not say which node", kind)
	}
}

func braced(names []string) string { return "{" + strings.Join(names, "}, {") + "}" }

// part is a piece of an argument.
type part struct {
	text        string
	placeholder bool
}

// split takes an argument apart. {{ and }} are braces.
func split(arg string) (parts []part, err error) {
	var text strings.Builder
	for arg != "" {
		switch {
		case strings.HasPrefix(arg, "{{"), strings.HasPrefix(arg, "}}"):
			text.WriteByte(arg[0])
			arg = arg[2:]
		case arg[0] == '}':
			return nil, fmt.Errorf("a brace is closed that was not opened")
		case arg[0] == '{':
			name, rest, closed := strings.Cut(arg[1:], "}")
			if !closed {
				return nil, fmt.Errorf("a brace is not closed")
			}
			if text.Len() > 0 {
				parts = append(parts, part{text: text.String()})
				text.Reset()
			}
			parts, arg = append(parts, part{name, true}), rest
		default:
			text.WriteByte(arg[0])
			arg = arg[1:]
		}
	}
	if text.Len() > 0 {
		parts = append(parts, part{text: text.String()})
	}
	return parts, nil
}

// mostValue bounds what stands for a placeholder.
const mostValue = 4096

// fill puts values in the place of placeholders. A value that could be read as an
// option, or as more than one word of one line, is refused.
func fill(argv []string, values map[string]string) ([]string, error) {
	out := make([]string, len(argv))
	for i, arg := range argv {
		parts, err := split(arg)
		if err != nil {
			return nil, err
		}
		for k, p := range parts {
			if !p.placeholder {
				out[i] += p.text
				continue
			}
			v, known := values[p.text]
			if !known || v == "" || len(v) > mostValue || !plainText(v) || k == 0 && strings.HasPrefix(v, "-") {
				return nil, &forescale.Fault{Code: "node_command_invalid", Where: fmt.Sprintf("argument %d", i),
					What: fmt.Sprintf("%.60q cannot stand for {%s}", v, p.text), Help: "a value is of printable ASCII without spaces, and is no option"}
			}
			out[i] += v
		}
	}
	return out, nil
}

// plainText reports whether a text is of printable ASCII without spaces.
func plainText(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
