package collector

import (
	"os"
	"testing"

	"github.com/forescale/forescale/internal/dockertest"
)

func TestMain(m *testing.M) { os.Exit(dockertest.Main(m)) }
