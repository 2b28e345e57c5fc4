terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

provider "aws" {
  skip_metadata_api_check = true
}

resource "aws_kms_key" "it" {
  description             = "made by Terraform"
  deletion_window_in_days = 7
  enable_key_rotation     = true
  rotation_period_in_days = 100
  tags                    = { team = "blue" }
}

resource "aws_kms_alias" "it" {
  name          = "alias/terraform"
  target_key_id = aws_kms_key.it.key_id
}

output "key_id" {
  value = aws_kms_key.it.key_id
}
