package timescale

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/postgrestest"
)

// warned is the warning of a code, nil if the store gives none.
func warned(s *Store, code string) *forescale.Fault {
	for _, w := range s.Warnings() {
		if w.Code == code {
			return w
		}
	}
	return nil
}

func wantWarning(t *testing.T, s *Store, code string, words ...string) {
	t.Helper()
	w := warned(s, code)
	if w == nil {
		t.Fatalf("no warning %s in %v", code, s.Warnings())
	}
	for _, word := range words {
		if !strings.Contains(w.What+" "+w.Help, word) {
			t.Errorf("%q is not said in %s", word, w.Terminal())
		}
	}
}

// TestAnExtensionThatCannotBeUsed runs a server of its own tree of files, in which
// an extension of that name lies that is only its name.
func TestAnExtensionThatCannotBeUsed(t *testing.T) {
	c := cluster{postgrestest.New(t, ownTree(t))}
	c.Init(t)
	c.Run(t, "fsync=off")
	control := filepath.Join(c.Programs, "../../../../share/postgresql", filepath.Base(filepath.Dir(c.Programs)), "extension", "timescaledb.control")
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	offers := func(version string) {
		write(control, "default_version = '"+version+"'\nsuperuser = true\ntrusted = false\n")
		write(strings.TrimSuffix(control, ".control")+"--"+version+".sql", "SELECT 1;")
	}
	admin := c.dsn("postgres")
	execAt(t, admin, "CREATE ROLE ann LOGIN", "CREATE DATABASE anns OWNER ann", "CREATE DATABASE old")
	asAnn := strings.Replace(c.dsn("anns"), "postgres@", "ann@", 1)
	t.Run("a user without the right to create it keeps plain tables and is told whom to ask", func(t *testing.T) {
		offers("2.20.0")
		s := openAt(t, asAnn)
		wantWarning(t, s, "timescaledb_refused", "permission denied", "superuser run CREATE EXTENSION")
		if err := s.Append(t.Context(), ingestBatch(0)); err != nil {
			t.Error(err)
		}
	})
	t.Run("one on offer that is too old is not created", func(t *testing.T) {
		offers("2.5.0")
		s := openAt(t, c.dsn("old"))
		wantWarning(t, s, "timescaledb_old", "2.5.0", "2.11 is needed", "install a newer one")
	})
	t.Run("one that is installed and too old is not used", func(t *testing.T) {
		execAt(t, c.dsn("old"), "CREATE EXTENSION timescaledb")
		s := openAt(t, c.dsn("old"))
		wantWarning(t, s, "timescaledb_old", "2.5.0", "ALTER EXTENSION timescaledb UPDATE")
		if err := s.Append(t.Context(), ingestBatch(0)); err != nil {
			t.Error(err)
		}
	})
}

// ownTree is a folder of PostgreSQL's programs whose extensions lie beside it: the
// server looks for them from where its program is.
func ownTree(t *testing.T) string {
	t.Helper()
	bin := postgrestest.Programs(t)
	version := filepath.Base(filepath.Dir(bin))
	share := filepath.Join("/usr/share/postgresql", version)
	if _, err := os.Stat(filepath.Join(share, "extension")); err != nil {
		postgrestest.Skip(t, "PostgreSQL's files are not where Debian puts them: %v", err)
	}
	tree, err := os.MkdirTemp("", "tree")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(tree) })
	mine := filepath.Join(tree, "lib/postgresql", version, "bin")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Chmod(tree, 0o755))
	must(os.MkdirAll(mine, 0o755))
	for _, program := range []string{"postgres", "initdb", "pg_isready"} {
		data, err := os.ReadFile(filepath.Join(bin, program))
		must(err)
		must(os.WriteFile(filepath.Join(mine, program), data, 0o755))
	}
	must(os.Symlink(filepath.Join(filepath.Dir(bin), "lib"), filepath.Join(filepath.Dir(mine), "lib")))
	own := filepath.Join(tree, "share/postgresql", version)
	linkAll := func(from, to string) {
		must(os.MkdirAll(to, 0o755))
		entries, err := os.ReadDir(from)
		must(err)
		for _, e := range entries {
			if e.Name() != "extension" && !strings.HasPrefix(e.Name(), "timescaledb") {
				must(os.Symlink(filepath.Join(from, e.Name()), filepath.Join(to, e.Name())))
			}
		}
	}
	linkAll(share, own)
	linkAll(filepath.Join(share, "extension"), filepath.Join(own, "extension"))
	return mine
}

func TestAStandbyIsRefusedAndThePrimaryFoundBesideIt(t *testing.T) {
	c := startCluster(t, "fsync=off")
	standby := newCluster(t)
	base := c.Command("pg_basebackup", "-D", filepath.Join(standby.Dir, "data"), "-d", c.dsn("postgres"), "-c", "fast", "-R", "-N")
	if out, err := base.CombinedOutput(); err != nil {
		t.Fatalf("pg_basebackup: %v\n%s", err, out)
	}
	standby.Run(t, "fsync=off")
	_, err := Open(t.Context(), standby.dsn("postgres"))
	wantFault(t, err, "store_read_only")
	if !strings.Contains(err.Error(), "standby") {
		t.Error(err)
	}
	both := fmt.Sprintf("postgres://postgres@127.0.0.1:%d,127.0.0.1:%d/postgres?sslmode=disable&target_session_attrs=read-write", standby.Port, c.Port)
	s := openAt(t, both)
	if err := s.Append(t.Context(), ingestBatch(0)); err != nil {
		t.Error(err)
	}
}

// The clock of the database is put off by a function that stands before the real
// one in the search path.
func TestAClockOfTheDatabaseThatIsOff(t *testing.T) {
	v := sharedCluster(t)
	schema, dsn := v.freshSchema(t)
	shift := func(by string) {
		v.exec(t, fmt.Sprintf(`CREATE OR REPLACE FUNCTION %s.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
			AS 'SELECT pg_catalog.clock_timestamp() + interval ''%s'''`, schema, by))
	}
	shift("1 hour")
	s := openAt(t, with(dsn, "search_path", schema+",pg_catalog,public"))
	wantWarning(t, s, "clock_off", "1h0m0s ahead of", "synchronize")
	t.Run("keeps no sample out and lets none in", func(t *testing.T) {
		batch := ingestBatch(0)
		if err := s.Append(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Samples(t.Context(), forescale.SampleQuery{}); err != nil || len(got) != len(batch) {
			t.Errorf("%d samples of %d, %v", len(got), len(batch), err)
		}
	})
	for _, c := range []struct{ by, says string }{{"-2 hours", "2h0m0s behind"}, {"0 hours", ""}, {"90 seconds", "1m30s ahead"}} {
		shift(c.by)
		f, err := s.ClockOff(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case c.says == "" && f != nil, c.says != "" && f == nil:
			t.Errorf("%s: %v", c.by, f)
		case f != nil && !strings.Contains(f.What, "behind") && !strings.Contains(f.What, "ahead"), f != nil && c.by == "-2 hours" && !strings.Contains(f.What, c.says):
			t.Errorf("%s: %s", c.by, f.What)
		}
	}
}

func TestATableOfMigrationsThatSomebodyChanged(t *testing.T) {
	v := fastCluster(t)
	for _, c := range []struct{ sentence, statement string }{
		{"a row that is gone", "DELETE FROM migration"},
		{"a checksum that is another", "UPDATE migration SET checksum = 'x' WHERE track = 'schema'"},
		{"a number that is left out", "DELETE FROM migration WHERE track = 'schema' AND number = 1"},
		{"a table that is gone, with its canary", "DELETE FROM meta"},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			dsn := v.fresh(t)
			openAt(t, dsn).Close()
			execAt(t, dsn, c.statement)
			_, err := Open(t.Context(), dsn)
			wantFault(t, err, "store_damaged")
		})
	}
}

func TestAConnectionLimitOfTheUser(t *testing.T) {
	v := sharedCluster(t)
	schema, dsn := v.freshSchema(t)
	role := "few_" + schema
	v.freshRole(t, role, "LOGIN CONNECTION LIMIT 1 PASSWORD '"+secret+"'")
	v.exec(t, "GRANT ALL ON SCHEMA "+schema+" TO "+role)
	asFew := asUser(dsn, role, secret)
	s := openAt(t, with(asFew, "pool_max_conns", "1"))
	_, err := Open(t.Context(), asFew)
	wantFault(t, err, "store_connections")
	if err := s.Append(t.Context(), ingestBatch(0)); err != nil {
		t.Errorf("who has the one connection goes on: %v", err)
	}
	s.Close()
}

// TestSecretsAndCertificates is about a server that asks for a password, and shows
// a certificate of an authority of its own.
func TestSecretsAndCertificates(t *testing.T) {
	c := newCluster(t)
	c.Init(t)
	ca := c.certify(t)
	other := filepath.Join(t.TempDir(), "other.pem")
	writePEM(t, other, "CERTIFICATE", newAuthority(t).der)
	c.Start(t, "fsync=off", "ssl=on", "ssl_cert_file="+filepath.Join(c.Dir, "server.crt"), "ssl_key_file="+filepath.Join(c.Dir, "server.key"))
	t.Cleanup(func() { c.Stop(t) })
	execAt(t, c.dsn("postgres"), "CREATE ROLE ann LOGIN PASSWORD '"+secret+"'", "CREATE DATABASE anns OWNER ann",
		"SELECT pg_reload_conf()")
	hba := filepath.Join(c.Dir, "data", "pg_hba.conf")
	if err := os.WriteFile(hba, []byte("host all postgres 127.0.0.1/32 trust\nhostssl all ann 127.0.0.1/32 scram-sha-256\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.Stop(t)
	c.Start(t, "fsync=off", "ssl=on", "ssl_cert_file="+filepath.Join(c.Dir, "server.crt"), "ssl_key_file="+filepath.Join(c.Dir, "server.key"))
	address := func(host, query string) string {
		return fmt.Sprintf("postgres://ann@%s:%d/anns?%s", host, c.Port, query)
	}
	pass := filepath.Join(t.TempDir(), "pass")
	if err := os.WriteFile(pass, fmt.Appendf(nil, "127.0.0.1:%d:anns:ann:%s\n", c.Port, secret), 0o600); err != nil {
		t.Fatal(err)
	}
	home := t.TempDir() // the files of libpq
	for name, text := range map[string]string{
		".pgpass":          fmt.Sprintf("# ours\n127.0.0.1:%d:*:ann:%s\n", c.Port, secret),
		".pg_service.conf": fmt.Sprintf("[fore]\nhost=127.0.0.1\nport=%d\ndbname=anns\nuser=ann\nsslmode=require\npassword=%s\n", c.Port, secret),
		"bad.conf":         "[fore]\nport=" + secret + "\n",
	} {
		if err := os.WriteFile(filepath.Join(home, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, w := range []struct {
		sentence, dsn, env, value string
		opts                      []Option
	}{
		{sentence: "a password in .pgpass at home", dsn: address("127.0.0.1", "sslmode=require"), env: "HOME", value: home},
		{sentence: "all in a service at home", dsn: "postgres:///?service=fore", env: "HOME", value: home},
		{sentence: "all in a service of the file that PGSERVICEFILE names", dsn: "postgres:///?service=fore", env: "PGSERVICEFILE", value: filepath.Join(home, ".pg_service.conf")},
		{sentence: "a service of which the address changes a part", dsn: address("127.0.0.1", "sslmode=verify-ca&sslrootcert="+ca+"&service=fore"), env: "HOME", value: home},
		{sentence: "a password in PGPASSWORD", dsn: address("127.0.0.1", "sslmode=require"), env: "PGPASSWORD", value: secret},
		{sentence: "a password in the file of PGPASSFILE", dsn: address("127.0.0.1", "sslmode=require"), env: "PGPASSFILE", value: pass},
		{sentence: "a password in the file that the address names", dsn: address("127.0.0.1", "sslmode=require&passfile="+pass)},
		{sentence: "a password given apart, which wins", dsn: address("127.0.0.1", "sslmode=require"), env: "PGPASSWORD", value: "wrong", opts: []Option{WithPassword(secret)}},
		{sentence: "a certificate of a known authority", dsn: address("127.0.0.1", "sslmode=verify-full&sslrootcert="+ca), env: "PGPASSWORD", value: secret},
	} {
		t.Run(w.sentence, func(t *testing.T) {
			t.Setenv("HOME", t.TempDir())
			if w.env != "" {
				t.Setenv(w.env, w.value)
			}
			s := openAt(t, w.dsn, w.opts...)
			var encrypted bool
			if err := s.pool.QueryRow(t.Context(), "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").Scan(&encrypted); err != nil || !encrypted {
				t.Errorf("encrypted: %v, %v", encrypted, err)
			}
		})
	}
	for _, w := range []struct{ sentence, dsn, password, code, says string }{
		{"a wrong password", address("127.0.0.1", "sslmode=require"), "wr0ng", "store_refused", "PGPASSWORD"},
		{"no password", address("127.0.0.1", "sslmode=require"), "", "store_refused", "PGPASSWORD"},
		{"a connection that is not encrypted", address("127.0.0.1", "sslmode=disable"), secret, "store_refused", "pg_hba.conf"},
		{"a certificate of an unknown authority", address("127.0.0.1", "sslmode=verify-full&sslrootcert="+other), secret, "store_untrusted", "sslrootcert"},
		{"a certificate of another host", address("localhost", "sslmode=verify-full&sslrootcert="+ca), secret, "store_untrusted", "host"},
		{"another authority where encryption is all that is asked for", address("127.0.0.1", "sslmode=require&sslrootcert="+other), secret, "store_untrusted", "sslrootcert"},
		{"a service that no file has", "postgres:///?service=none&servicefile=" + filepath.Join(home, ".pg_service.conf"), secret, "dsn_wrong", "service"},
		{"a service file that cannot be read", "postgres:///?service=fore&servicefile=" + filepath.Join(home, "bad.conf"), "", "dsn_wrong", "service"},
		{"an authority's file that is not there", address("127.0.0.1", "sslmode=verify-full&sslrootcert=/nowhere"), secret, "dsn_wrong", "a file that it names"},
	} {
		t.Run(w.sentence, func(t *testing.T) {
			t.Setenv("PGPASSWORD", w.password)
			_, err := Open(t.Context(), w.dsn)
			wantFault(t, err, w.code)
			if f := faultOf(t, err); !strings.Contains(f.What+f.Help, w.says) {
				t.Errorf("%q is not said in %s", w.says, f.Terminal())
			}
		})
	}
	t.Run("a server without encryption", func(t *testing.T) {
		c.Stop(t)
		c.Start(t, "fsync=off")
		t.Setenv("PGPASSWORD", secret)
		_, err := Open(t.Context(), address("127.0.0.1", "sslmode=require"))
		wantFault(t, err, "store_unreachable")
		if !strings.Contains(err.Error(), "TLS") {
			t.Error(err)
		}
	})
}

// authority signs certificates of these tests.
type authority struct {
	der  []byte
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority of a test"}, IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return authority{der, cert, key}
}

// certify puts a certificate for 127.0.0.1 and its key into the cluster's folder,
// and gives the file of the authority that signed it.
func (c cluster) certify(t *testing.T) string {
	t.Helper()
	ca := newAuthority(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "database"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: ca.cert.NotBefore, NotAfter: ca.cert.NotAfter}, ca.cert, &key.PublicKey, ca.key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(c.Dir, "ca.pem")
	writePEM(t, file, "CERTIFICATE", ca.der)
	writePEM(t, filepath.Join(c.Dir, "server.crt"), "CERTIFICATE", der)
	writePEM(t, filepath.Join(c.Dir, "server.key"), "PRIVATE KEY", private)
	if err := c.Own(filepath.Join(c.Dir, "server.crt"), filepath.Join(c.Dir, "server.key")); err != nil {
		t.Fatal(err)
	}
	return file
}

func writePEM(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}
