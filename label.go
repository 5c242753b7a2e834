package forescale

// The labels that the engine's containers carry. They are words like the others:
// who reads the world and who changes it must mean the same by them.
const (
	LabelEnable    = "forescale.enable"     // "true": the labels of this container register its service
	LabelService   = "forescale.service"    // name of the service the container is an instance of
	LabelDecision  = "forescale.decision"   // decision that ordered the container; only forescale sets it
	LabelRevision  = "forescale.revision"   // of the template that it was made from; only forescale sets it
	LabelProbes    = "forescale.probes"     // how such an instance is asked, as Template.Asked tells it; only forescale sets it
	LabelManagedBy = "forescale.managed-by" // "forescale" on every container that it made
	LabelNode      = "forescale.node"       // node whose agent made the container; nobody else takes it for its own
	LabelPort      = "forescale.port"       // that the service listens on inside the container
	// How an instance is probed, as in [Probe].
	LabelProbeHTTP    = "forescale.probe.http"
	LabelProbeTCP     = "forescale.probe.tcp"
	LabelProbeTimeout = "forescale.probe.timeout"

	LabelNetworks = "forescale.networks" // further networks to join before the start; the actuator writes and reads it
)

// labelComposeService is set by Docker Compose on the containers that it makes.
const labelComposeService = "com.docker.compose.service"

// LabelledService is the service that a container belongs to by its labels: the
// one named; when forescale is merely enabled, the Compose service, or else the
// container's own name. It is "" for a container that is not ours to look at.
func LabelledService(container string, labels map[string]string) string {
	if s := labels[LabelService]; s != "" {
		return s
	}
	if labels[LabelEnable] != "true" {
		return ""
	}
	if s := labels[labelComposeService]; s != "" {
		return s
	}
	return container
}
