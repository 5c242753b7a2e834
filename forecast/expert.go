package forecast

// expert forecasts medians. Several are asked at past origins, and what they
// said then decides how much they count now.
type expert interface {
	// name tells it apart from the others, in words shown to people.
	name() string
	// paths fills out[k] with the medians of the steps from origins[k] on, in
	// medians of the history, from what came before that step alone. The origins
	// rise. It reports false when the history does not carry the expert.
	paths(c *course, origins []int, out [][]float64) bool
}
