// Package notebooks has no code of its own: it imports what the cells of the notebooks
// import, so that go.mod and go.sum know of it.
package notebooks

import (
	_ "github.com/janpfeifer/gonb/gonbui"

	_ "github.com/forescale/forescale"
	_ "github.com/forescale/forescale/datasets"
	_ "github.com/forescale/forescale/forecast"
	_ "github.com/forescale/forescale/notebooks/figure"
)
