// lagoon as it runs: as git says.
import '../clusters/lagoon.jsonnet'
