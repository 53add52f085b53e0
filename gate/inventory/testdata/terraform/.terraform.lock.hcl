# This file is maintained automatically by "terraform init".
# Manual edits may be lost in future updates.

provider "registry.terraform.io/hashicorp/aws" {
  version     = "4.67.0"
  constraints = "~> 4.0, >= 4.9.0"
  hashes = [
    "h1:5Zfo3GfRSWBaXs4TGQNOflr1XaYj6pRnVJLX5VAjFX4=",
    "zh:0843017ecc24385f2b45f2c5fce79dc25b258e50d516877b3affee3bef34f060",
  ]
}

provider "registry.opentofu.org/acme/dns" {
  version = "0.1.0-beta1"
  hashes = [
    "h1:9fjhPbqa6nnTCbk2S4XsMnMJcNyzrTGXSXQ0vYzRzgE=",
  ]
}
