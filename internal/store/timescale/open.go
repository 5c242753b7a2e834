package timescale

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
	"github.com/forescale/forescale/internal/store/encoding"
)

// Store is a store in a PostgreSQL database, with or without TimescaleDB.
type Store struct {
	pool    *pgxpool.Pool
	leases  *pgxpool.Pool // one connection, so that renewing waits for nobody; pool itself if that has but one
	place   string        // the database without user and password, for faults
	options options

	opened    bool   // its schema was found sound once
	extension string // version of TimescaleDB that is used, "" for none
	functions string // the schema of its functions as a prefix: `public.`
	warnings  []*forescale.Fault

	life   sync.RWMutex // held for reading by each method, for writing by Close
	closed bool

	names   names
	handed  handed
	decoded encoding.Services
}

var _ store.Store = (*Store)(nil)

type options struct {
	version    string // of the program, written beside each migration
	migrations fs.FS  // tests bring their own
	extension  fs.FS
	plain      bool
	copying    bool
	password   string
	tracer     pgx.QueryTracer // tests count statements
	begin      string          // tests wait less for locks
	commit     time.Duration   // and for commits
}

// Option changes how a store is opened.
type Option func(*options)

// settle joins the options with what they leave open.
func settle(opts []Option) options {
	o := options{begin: begin, commit: writeTime, migrations: sub(migrationFiles, "migrations"), extension: sub(extensionFiles, "extension")}
	for _, opt := range opts {
		opt(&o)
	}
	return o
}

// WithVersion tells the program's version. It is written beside each migration,
// so that an older program can say by whom the schema was written.
func WithVersion(v string) Option { return func(o *options) { o.version = v } }

// WithoutExtension keeps plain tables also where TimescaleDB could be had.
func WithoutExtension() Option { return func(o *options) { o.plain = true } }

// ForCopy opens a store also while it holds part of a copy.
func ForCopy() Option { return func(o *options) { o.copying = true } }

// WithPassword gives the password apart from the address, in which others could
// see it. It wins over what the address, the environment and .pgpass say.
func WithPassword(p string) Option { return func(o *options) { o.password = p } }

// Defaults for what the address does not say.
const (
	connections    = 8
	connectTimeout = 5 * time.Second
)

// Open connects to the database that dsn names (a URL postgres://… or a list of
// key=value; the variables and files of libpq count, PGPASSWORD and .pgpass
// among them), and brings its schema up to date. Its errors are
// [forescale.Fault]s and hold neither user nor password.
func Open(ctx context.Context, dsn string, opts ...Option) (*Store, error) {
	o := settle(opts)
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, wrongAddress(dsn)
	}
	s := &Store{place: placeOf(config.ConnConfig.Config), options: o}
	prepareConfig(config, dsn)
	config.ConnConfig.Tracer = o.tracer
	if o.password != "" {
		config.ConnConfig.Password = o.password
	}
	if s.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return nil, s.fault("open the store", err)
	}
	if s.leases, err = s.leasePool(ctx, config); err != nil {
		s.pool.Close()
		return nil, s.fault("open the store", err)
	}
	if err := s.prepare(ctx); err != nil {
		s.closePools()
		return nil, s.fault("open the store", err)
	}
	return s, nil
}

// prepareConfig sets what durability and bounds ask for. Settings are given in
// SQL after connecting, since not every proxy passes those of the start on.
func prepareConfig(c *pgxpool.Config, dsn string) {
	if !says(dsn, "pool_max_conns") {
		c.MaxConns = connections
	}
	if c.ConnConfig.ConnectTimeout == 0 || c.ConnConfig.ConnectTimeout > time.Minute {
		c.ConnConfig.ConnectTimeout = connectTimeout
	}
	c.ConnConfig.DialFunc = (&net.Dialer{KeepAliveConfig: keepAlive, Control: boundSilence}).DialContext
	settings := c.ConnConfig.RuntimeParams
	c.ConnConfig.RuntimeParams = map[string]string{}
	for key, value := range ofSession {
		if _, ok := settings[key]; !ok {
			settings[key] = value
		}
	}
	settings["timezone"] = "UTC"
	settings["synchronous_commit"] = "on" // acknowledged means synced, whatever the server's default is
	keys := slices.Sorted(maps.Keys(settings))
	values := column(keys, func(key string) string { return settings[key] })
	c.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "SELECT set_config(key, value, false) FROM unnest($1::text[], $2::text[]) AS given (key, value)",
			pgx.QueryExecModeExec, keys, values)
		return err
	}
}

// ofSession is what each session begins with, unless the address says otherwise.
// The server is to end by itself what a client left behind that vanished without
// a word: its transaction holds rows that every other client waits for.
var ofSession = map[string]string{
	"application_name":                    "forescale",
	"idle_in_transaction_session_timeout": "30s",
	"tcp_keepalives_idle":                 "15",
	"tcp_keepalives_interval":             "5",
	"tcp_keepalives_count":                "3",
	"tcp_user_timeout":                    "30s",
}

// keepAlive is the same on this side: a peer that vanished is noticed after half
// a minute, also while nothing is sent.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3}

// prepare looks at the database, migrates it and checks it.
func (s *Store) prepare(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, openTime, errSlow)
	defer cancel()
	for _, step := range []func(context.Context) error{s.refuseStandby, s.migrate, s.check, s.look} {
		if err := step(ctx); err != nil {
			return withCause(ctx, err)
		}
	}
	s.opened = true
	return nil
}

// openTime bounds opening: moving the rows of a large store into chunks takes
// its time.
const openTime = time.Hour

// refuseStandby refuses a server that only follows another one.
func (s *Store) refuseStandby(ctx context.Context) error {
	var follows bool
	if err := s.pool.QueryRow(ctx, "SELECT pg_is_in_recovery()").Scan(&follows); err != nil {
		return err
	}
	if follows {
		return s.readOnly(nil)
	}
	return nil
}

// Extension is the version of TimescaleDB that the store uses, "" if it keeps
// plain tables.
func (s *Store) Extension() string { return s.extension }

// Warnings are what the operator should know, for the caller to log: nothing of
// it keeps the store from working.
func (s *Store) Warnings() []*forescale.Fault { return s.warnings }

func (s *Store) warn(code, what, help string) {
	s.warnings = append(s.warnings, &forescale.Fault{Code: code, What: what, Where: s.place, Help: help})
}

// enter begins a method; leave ends it. Methods do not call each other in
// between, as a waiting Close would lock them out.
func (s *Store) enter() error {
	s.life.RLock()
	if s.closed {
		s.life.RUnlock()
		return store.Closed
	}
	return nil
}

func (s *Store) leave() { s.life.RUnlock() }

// Close implements [store.Store]. Closing twice is harmless.
func (s *Store) Close() error {
	s.life.Lock()
	defer s.life.Unlock()
	if !s.closed {
		s.closed = true
		s.closePools()
	}
	return nil
}

func (s *Store) closePools() {
	s.pool.Close()
	if s.leases != s.pool {
		s.leases.Close()
	}
}

// errSlow is why a context ended that this package bounded.
var errSlow = errors.New("the database did not answer in time")
