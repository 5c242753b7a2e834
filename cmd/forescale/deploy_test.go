package main

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/agent/policy"
)

const deploy = "../../deploy"

func deployed(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(deploy, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// wantCommand fails the test unless the program knows the command and its flags.
func wantCommand(t *testing.T, args []string) {
	t.Helper()
	cmd, rest, err := newRoot(&app{}).Find(args)
	if err == nil {
		err = cmd.ParseFlags(rest)
	}
	if err != nil || cmd.Name() != "serve" || cmd.Flags().NArg() > 0 {
		t.Errorf("%q: %v", args, err)
	}
}

// wantVariable fails the test unless docs/cli.md tells the variable, and the code reads it.
func wantVariable(t *testing.T, name string) {
	t.Helper()
	doc, err := os.ReadFile("../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	read := false
	files, _ := filepath.Glob("*.go")
	for _, f := range files {
		if code, err := os.ReadFile(f); err == nil && !strings.HasSuffix(f, "_test.go") && strings.Contains(string(code), `getenv("`+name+`")`) {
			read = true
		}
	}
	if !read || !strings.Contains(string(doc), "`"+name+"`") {
		t.Errorf("%s: the program reads it: %v", name, read)
	}
}

func TestTheComposeFileIsTrue(t *testing.T) {
	text := deployed(t, "compose.yaml")
	var file struct {
		Services map[string]struct {
			Image       string
			Command     []string
			Environment map[string]string
			Secrets     []string
			Volumes     []string
			Network     string         `yaml:"network_mode"`
			DependsOn   map[string]any `yaml:"depends_on"`
		}
		Secrets map[string]struct{ File string }
		Volumes map[string]any
	}
	if err := yaml.Unmarshal([]byte(text), &file); err != nil {
		t.Fatal(err)
	}
	servers := map[string]bool{}
	for name, s := range file.Services {
		for _, secret := range s.Secrets {
			if f := file.Secrets[secret].File; !strings.HasPrefix(f, "./secrets/") {
				t.Errorf("%s uses the secret %s, which is in %q", name, secret, f)
			}
		}
		for _, v := range s.Volumes {
			from, _, _ := strings.Cut(v, ":")
			if rest, ok := strings.CutPrefix(from, "./"); ok {
				wantFile(t, rest)
			} else if _, ok := file.Volumes[from]; !ok && !strings.HasPrefix(from, "/var/run/") {
				t.Errorf("%s mounts %s, which is nothing", name, from)
			}
		}
		for other := range s.DependsOn {
			if _, ok := file.Services[other]; !ok {
				t.Errorf("%s depends on %s", name, other)
			}
		}
		for key, value := range s.Environment {
			if strings.Contains(strings.ToUpper(key), "PASSWORD") && !strings.HasPrefix(value, "/run/secrets/") {
				t.Errorf("%s: %s is not a file of a secret", name, key)
			}
			if secret, ok := strings.CutPrefix(value, "/run/secrets/"); ok && !strings.Contains(fmt.Sprint(s.Secrets), secret) {
				t.Errorf("%s: %s is not given to it", name, secret)
			}
		}
		if s.Image != "forescale" {
			continue
		}
		wantCommand(t, s.Command)
		servers[fmt.Sprint(s.Command)] = true
		for key := range s.Environment {
			wantVariable(t, key)
		}
		if listen := s.Command[len(s.Command)-1]; s.Network != "host" || !loopbackAddress(listen) {
			t.Errorf("%s listens on %s of %q", name, listen, s.Network)
		}
		if !isPostgres(s.Environment["FORESCALE_STORE"]) || storeName(s.Environment["FORESCALE_STORE"]) != "postgres://127.0.0.1:5432/forescale" {
			t.Error(s.Environment["FORESCALE_STORE"])
		}
	}
	if len(servers) != 2 {
		t.Errorf("%d servers of their own, want 2", len(servers))
	}
	if out, err := exec.Command("docker", "compose", "version").CombinedOutput(); err != nil {
		t.Logf("docker compose is not here, so the file was only read: %s", out)
	} else if out, err := exec.Command("docker", "compose", "-f", deploy+"/compose.yaml", "config", "-q").CombinedOutput(); err != nil {
		t.Errorf("docker compose config: %v\n%s", err, out)
	}
}

// wantFile fails the test unless there is such a file or folder.
func wantFile(t *testing.T, name string) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(deploy, name)); err != nil {
		t.Error(err)
	}
}

func TestTheUnitAndItsVariablesAreTrue(t *testing.T) {
	unit := deployed(t, "forescale.service")
	start := regexp.MustCompile(`(?m)^ExecStart=\S+/forescale (.*)$`).FindStringSubmatch(unit)
	if start == nil {
		t.Fatal("there is no ExecStart")
	}
	wantCommand(t, strings.Fields(start[1]))
	for _, name := range regexp.MustCompile(`FORESCALE_[A-Z_]+`).FindAllString(unit+deployed(t, "forescale.env.example"), -1) {
		wantVariable(t, name)
	}
	if strings.Contains(unit, "0.0.0.0") || !strings.Contains(unit, "--listen 127.0.0.1:") {
		t.Error("it does not keep to loopback")
	}
	if analyze, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Log("systemd-analyze is not here, so the unit was only read")
	} else if out, err := exec.Command(analyze, "verify", "--man=no", deploy+"/forescale.service").CombinedOutput(); err != nil && !strings.Contains(string(out), "is not executable") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestTheExampleConfigIsTaken(t *testing.T) {
	if _, err := loadConfig(deploy + "/forescale.example.yaml"); err != nil {
		t.Error(err)
	}
}

func TestTheExamplePolicyIsTaken(t *testing.T) {
	p, err := policy.Load(deploy + "/agent-policy.example.yaml")
	if err != nil || len(p.Images) == 0 || p.Processes < forescale.DefaultProcesses {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestNothingToDeployHoldsASecret(t *testing.T) {
	err := filepath.WalkDir(deploy, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if m := regexp.MustCompile(`postgres://[^@/\s]*:[^@/\s]+@`).Find(data); m != nil {
			t.Errorf("%s holds a password: %s", path, m)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
