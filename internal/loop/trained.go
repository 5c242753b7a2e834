package loop

import (
	"sync"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/forecast"
)

// models remembers what was learned of each line, so that most forecasts are made
// without learning anew. It is rebuilt from the store: a server that starts, or that
// a batch comes to for the first time, learns again.
type models struct {
	mu sync.Mutex
	by map[lineOf]*forecast.Trained
}

func (m *models) get(line lineOf) *forecast.Trained {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.by[line]
}

func (m *models) put(line lineOf, t *forecast.Trained) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.by == nil || len(m.by) >= maxLearned {
		m.by = map[lineOf]*forecast.Trained{}
	}
	m.by[line] = t
}

// forecastFrom makes a forecast with what was learned, and learns where that does not
// serve: nothing was learned yet, or a day ago, or since then something became special,
// older history was imported, an alarm was raised, or somebody asks for it.
func (l *Loop) forecastFrom(r forecast.Request, drift forescale.Drift, anew bool) (forescale.Forecast, error) {
	if l.model != nil {
		return l.model(r)
	}
	line := lineOf{r.Service.Name, r.Metric}
	if t := l.models.get(line); t != nil && !anew && !drift.Since.After(t.Issued()) {
		if f, ok := t.Forecast(r); ok {
			return f, nil
		}
	}
	t, f, err := forecast.Train(r)
	if err == nil {
		l.models.put(line, t)
	}
	return f, err
}
