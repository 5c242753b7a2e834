package forescale

import "regexp"

// secretName matches names of variables that hold secrets. A false alarm costs
// one line in env_from; a secret in the store, the API and every backup costs more.
var secretName = regexp.MustCompile(`(?i)(^|_)(password|passwd|secret|token|api_?key|private_?key|credentials?)$`)

// SecretName reports whether a variable of this name holds a secret, as far as a
// name can tell. Its value must not go into a [Template].
func SecretName(name string) bool { return secretName.MatchString(name) }
