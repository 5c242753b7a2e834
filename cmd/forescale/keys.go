package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
)

func newKeys(a *app) *cobra.Command {
	return group("keys", "Create, list and revoke API keys",
		"Create, list and revoke API keys. The commands work on the store itself, also while\n`forescale serve` runs on it; a revoked key stops working within seconds.",
		newKeysCreate(a), newKeysList(a), newKeysRevoke(a))
}

func newKeysCreate(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "create --name NAME --role read|push|operate|admin [--service SERVICE]",
		Short: "Create an API key and show its secret once",
		Long: `Create an API key. The secret is printed once, on standard output; only its hash is kept.

Roles: push sends samples of one service; read reads; operate also pauses services,
changes them and asks for forecasts; admin may do everything.`,
		Example: "  forescale keys create --name checkout-pods --role push --service checkout > checkout.key",
		Args:    wants(),
	}
	at := addStoreFlags(cmd)
	name := cmd.Flags().String("name", "", "what the key is for")
	role := cmd.Flags().String("role", "", "read, push, operate or admin")
	service := cmd.Flags().String("service", "", "the service of a push key")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		k := forescale.Key{Name: strings.TrimSpace(*name), Role: forescale.Role(*role), Service: *service}
		if err := checkKey(k); err != nil {
			return err
		}
		return a.withStore(cmd.Context(), at, func(ctx context.Context, s store.Store) error {
			return a.createKey(ctx, s, k)
		})
	}
	return cmd
}

// checkKey finds what cannot be a key.
func checkKey(k forescale.Key) error {
	switch {
	case k.Name == "" || len(k.Name) > 100:
		return usage("the key has no name", "say what it is for: --name checkout-pods")
	case k.Role == forescale.RolePush && !forescale.ValidName(k.Service):
		return usage("a push key is for one service", "name it: --service checkout")
	case k.Role == forescale.RolePush:
		return nil
	case k.Role != forescale.RoleRead && k.Role != forescale.RoleOperate && k.Role != forescale.RoleAdmin:
		return usage(fmt.Sprintf("%q is not a role", string(k.Role)), "use --role read, push, operate or admin")
	case k.Service != "":
		return usage("only a push key is for one service", "leave --service out, or use --role push")
	}
	return nil
}

func (a *app) createKey(ctx context.Context, s store.Store, k forescale.Key) error {
	if k.Role == forescale.RolePush {
		if _, err := s.Service(ctx, k.Service); errors.Is(err, forescale.ErrNotFound) {
			a.hint("note: there is no service %q yet", k.Service)
		} else if err != nil {
			return fmt.Errorf("look up the service: %w", err)
		}
	}
	secret := newSecret()
	hash := sha256.Sum256([]byte(secret))
	k.ID, k.Hash, k.CreatedAt = newID("key"), hash[:], a.clock.Now()
	if err := s.CreateKey(ctx, k); err != nil {
		return fmt.Errorf("keep the key: %w", err)
	}
	if _, err := fmt.Fprintln(a.stdout, secret); err != nil {
		// Nobody saw the secret, so nobody can use the key: take it back.
		return errors.Join(fmt.Errorf("print the secret: %w", err), s.RevokeKey(ctx, k.ID, a.clock.Now()))
	}
	a.hint("This is the only time that the secret of %s (%s) is shown. Commands read it from FORESCALE_KEY.", k.ID, k.Role)
	return nil
}

// newID is a name for what a person makes at the command line.
func newID(kind string) string {
	id := make([]byte, 6)
	_, _ = rand.Read(id) // never fails, by its documentation
	return kind + "_" + hex.EncodeToString(id)
}

// newSecret is 256 random bits behind a prefix by which scanners find a leak.
func newSecret() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails, by its documentation
	return "fsk_" + base64.RawURLEncoding.EncodeToString(b)
}

func newKeysList(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List the API keys; secrets are not kept and not shown", Args: wants()}
	at, o := addStoreFlags(cmd), formatFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return a.withStore(cmd.Context(), at, func(ctx context.Context, s store.Store) error {
			keys, err := s.ListKeys(ctx)
			if err != nil {
				return fmt.Errorf("read the keys: %w", err)
			}
			return a.listKeys(keys, *o)
		})
	}
	return cmd
}

func (a *app) listKeys(keys []forescale.Key, o format) error {
	rows := make([][]string, len(keys))
	m := moment{now: a.clock.Now(), loc: time.UTC}
	for i, k := range keys {
		rows[i] = []string{k.ID, k.Name, string(k.Role), k.Service, stamp(k.CreatedAt), stamp(k.RevokedAt)}
		if a.terminal && o == formatTable {
			rows[i][1], rows[i][3], rows[i][4], rows[i][5] = oneLine(k.Name), firstOf(k.Service, "-"), m.ago(k.CreatedAt), "-"
			if !k.RevokedAt.IsZero() {
				rows[i][5] = m.ago(k.RevokedAt)
			}
		}
	}
	return a.writeList(o, keys, []string{"id", "name", "role", "service", "created_at", "revoked_at"},
		[]string{"ID", "NAME", "ROLE", "SERVICE", "CREATED", "REVOKED"}, rows,
		"There is no key yet. Make one: forescale keys create --name me --role operate")
}

func newKeysRevoke(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "revoke ID", Short: "Revoke an API key", Args: wants("ID")}
	at := addStoreFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.withStore(cmd.Context(), at, func(ctx context.Context, s store.Store) error {
			return a.revokeKey(ctx, s, args[0])
		})
	}
	return cmd
}

// revokeKey takes a whole id or the beginning of only one.
func (a *app) revokeKey(ctx context.Context, s store.Store, id string) error {
	keys, err := s.ListKeys(ctx)
	if err != nil {
		return fmt.Errorf("read the keys: %w", err)
	}
	var found []string
	for _, k := range keys {
		if k.ID == id {
			found = []string{id}
			break
		}
		if strings.HasPrefix(k.ID, id) {
			found = append(found, k.ID)
		}
	}
	switch len(found) {
	case 0:
		return &forescale.Fault{Code: "key_unknown", What: fmt.Sprintf("there is no key %q", id), Help: "see `forescale keys list`; nothing was revoked"}
	case 1:
	default:
		return &forescale.Fault{Code: "key_unknown", What: fmt.Sprintf("%q fits several keys: %s", id, strings.Join(found, ", ")), Help: "write more of the id; nothing was revoked"}
	}
	if err := s.RevokeKey(ctx, found[0], a.clock.Now()); err != nil {
		return fmt.Errorf("revoke the key: %w", err)
	}
	_, err = fmt.Fprintf(a.stdout, "Revoked %s.\n", found[0])
	return err
}
