module "github.com/acme/tool"

go 1.14

exclude github.com/spf13/pflag v1.0.11
require github.com/spf13/cobra v1.1.1
