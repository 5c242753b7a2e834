package forecast

// expert forecasts medians. Several are asked at past origins, and what they
// said then decides how much they count now.
type expert interface {
	// paths fills out[k] with the medians of the steps from origins[k] on, in
	// medians of the history, from what came before that step alone. The origins
	// rise. What it learned from all of the history is told by the voice; nil when
	// the history does not carry the expert.
	paths(c *course, origins []int, out [][]float64) voice
}

// voice is what an expert learned: it fills out with the medians of the steps that
// follow a course, which may have grown since. Its name tells it apart from the
// others, in words shown to people.
type voice interface {
	name() string
	tell(c *course, out []float64)
}
