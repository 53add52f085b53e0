// The web shop's backend.
module github.com/acme/shop/v2

go 1.21.0

// Pinned by the platform team.
toolchain go1.21.3

require (
	github.com/gin-gonic/gin v1.9.0
	github.com/sirupsen/logrus v1.8.1 // the fork below
	github.com/acme/shop/internal/money v0.0.0
	// kept for the configuration reader
	gopkg.in/yaml.v3 v3.0.1
)

require (
	github.com/docker/docker v24.0.5+incompatible // indirect
	golang.org/x/net v0.0.0-20220722155237-a158d28d115b // indirect; needed by gin
	golang.org/x/text v0.3.7 // indirect
)

exclude golang.org/x/net v1.2.3

retract (
	v2.0.1 // published by mistake
	[v2.1.0, v2.1.4]
)

replace github.com/sirupsen/logrus => github.com/acme/sirupsen-logrus v1.8.4

replace (
	github.com/acme/shop/internal/money => ./internal/money
	golang.org/x/text v0.3.7 => golang.org/x/text v0.3.8
	golang.org/x/text v0.3.5 => golang.org/x/text v0.3.6
)
