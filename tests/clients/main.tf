terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

provider "aws" {
  skip_metadata_api_check = true
  skip_region_validation  = true
}

provider "aws" {
  alias                   = "elsewhere"
  region                  = "eu-west-1"
  skip_metadata_api_check = true
  skip_region_validation  = true
}

variable "team" {
  default = "blue"
}

variable "session_seconds" {
  default = 7200
}

data "aws_caller_identity" "me" {}

resource "aws_iam_user" "it" {
  name = "terraform"
  path = "/made/"
  tags = { team = var.team }
}

resource "aws_iam_access_key" "it" {
  user = aws_iam_user.it.name
}

resource "aws_iam_group" "it" {
  name = "terraform"
}

resource "aws_iam_user_group_membership" "it" {
  user   = aws_iam_user.it.name
  groups = [aws_iam_group.it.name]
}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "AWS"
      identifiers = [aws_iam_user.it.arn]
    }
    condition {
      test     = "StringEquals"
      variable = "sts:ExternalId"
      values   = ["blue"]
    }
  }
}

resource "aws_iam_role" "it" {
  name                 = "terraform"
  description          = "made by Terraform"
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  permissions_boundary = aws_iam_policy.boundary.arn
  max_session_duration = var.session_seconds
  tags                 = { team = var.team }
}

resource "aws_iam_policy" "boundary" {
  name   = "terraform-boundary"
  policy = data.aws_iam_policy_document.boundary.json
}

data "aws_iam_policy_document" "boundary" {
  statement {
    actions   = ["kms:*"]
    resources = ["*"]
  }
}

data "aws_iam_policy_document" "decrypt" {
  statement {
    actions   = ["kms:Decrypt", "kms:DescribeKey"]
    resources = [aws_kms_key.it.arn]
  }
}

resource "aws_iam_policy" "decrypt" {
  name        = "terraform-decrypt"
  description = "made by Terraform"
  policy      = data.aws_iam_policy_document.decrypt.json
  tags        = { team = var.team }
}

resource "aws_iam_role_policy_attachment" "it" {
  role       = aws_iam_role.it.name
  policy_arn = aws_iam_policy.decrypt.arn
}

resource "aws_iam_role_policy" "it" {
  name   = "inline"
  role   = aws_iam_role.it.name
  policy = data.aws_iam_policy_document.decrypt.json
}

resource "aws_iam_group_policy_attachment" "it" {
  group      = aws_iam_group.it.name
  policy_arn = "arn:aws:iam::aws:policy/AWSKeyManagementServicePowerUser"
}

resource "aws_iam_openid_connect_provider" "it" {
  url             = "https://issuer.example"
  client_id_list  = ["strongroom"]
  thumbprint_list = ["0123456789abcdef0123456789abcdef01234567"]
  tags            = { team = var.team }
}

resource "aws_iam_account_alias" "it" {
  account_alias = "made-by-terraform"
}

data "aws_iam_policy_document" "key" {
  statement {
    sid       = "Account"
    actions   = ["kms:*"]
    resources = ["*"]
    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::${data.aws_caller_identity.me.account_id}:root"]
    }
  }
  statement {
    sid       = "User"
    actions   = ["kms:Encrypt"]
    resources = ["*"]
    principals {
      type        = "AWS"
      identifiers = [aws_iam_user.it.arn]
    }
  }
}

resource "aws_kms_key" "it" {
  description             = "made by Terraform"
  deletion_window_in_days = 7
  enable_key_rotation     = true
  rotation_period_in_days = 100
  policy                  = data.aws_iam_policy_document.key.json
  tags                    = { team = var.team }
}

resource "aws_kms_key" "signing" {
  description              = "made by Terraform, to sign"
  deletion_window_in_days  = 7
  customer_master_key_spec = "ECC_NIST_P256"
  key_usage                = "SIGN_VERIFY"
}

resource "aws_kms_key" "mac" {
  deletion_window_in_days  = 7
  customer_master_key_spec = "HMAC_256"
  key_usage                = "GENERATE_VERIFY_MAC"
}

resource "aws_kms_external_key" "it" {
  deletion_window_in_days = 7
  enabled                 = true
  key_material_base64     = "c3Ryb25ncm9vbSwgdGhpcnR5LXR3byBieXRlcyA6LSk="
}

resource "aws_kms_key" "everywhere" {
  deletion_window_in_days = 7
  multi_region            = true
}

resource "aws_kms_replica_key" "it" {
  provider                = aws.elsewhere
  deletion_window_in_days = 7
  primary_key_arn         = aws_kms_key.everywhere.arn
}

data "aws_kms_public_key" "signing" {
  key_id = aws_kms_key.signing.arn
}

resource "aws_kms_alias" "it" {
  name          = "alias/terraform"
  target_key_id = aws_kms_key.it.key_id
}

resource "aws_kms_grant" "it" {
  name               = "terraform"
  key_id             = aws_kms_key.it.key_id
  grantee_principal  = aws_iam_role.it.arn
  retiring_principal = aws_iam_user.it.arn
  operations         = ["Encrypt", "GenerateDataKey"]
  constraints {
    encryption_context_subset = { tenant = "blue" }
  }
}

data "aws_kms_key" "it" {
  key_id = aws_kms_alias.it.arn
}

data "aws_iam_role" "it" {
  name       = aws_iam_role.it.name
  depends_on = [aws_iam_role_policy.it]
}

output "key_id" {
  value = aws_kms_key.it.key_id
}

output "signing_key_id" {
  value = aws_kms_key.signing.key_id
}

output "public_key_pem" {
  value = data.aws_kms_public_key.signing.public_key_pem
}

output "external_key_id" {
  value = aws_kms_external_key.it.id
}

output "replica_arn" {
  value = aws_kms_replica_key.it.arn
}

output "grant_id" {
  value = aws_kms_grant.it.grant_id
}

output "policy_arn" {
  value = aws_iam_policy.decrypt.arn
}

output "provider_arn" {
  value = aws_iam_openid_connect_provider.it.arn
}

output "role_arn" {
  value = aws_iam_role.it.arn
}

output "access_key_id" {
  value = aws_iam_access_key.it.id
}

output "secret_access_key" {
  value     = aws_iam_access_key.it.secret
  sensitive = true
}
