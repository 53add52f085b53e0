//! Keys of clouds and of services that are paid for. Examples are written in pieces, as in [`super::tokens`].

use secgate_model::Severity;

use super::{detector::Detector, tokens::SURE};

pub(crate) static CLOUD: &[Detector] = &[
    Detector {
        id: "aws-access-key",
        hints: &["AKIA", "ASIA", "ABIA", "ACCA"],
        title: "AWS access key",
        regex: r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b",
        examples: &[concat!("AKIA", "Q3EGRTVSWFPIZ2XC")],
        negative: &["AKIAIOSFODNN7EXAMPLE", "AKIAAAAAAAAAAAAAAAAA", "XAKIAQ3EGRTVSWFPIZ2XC"],
        ..SURE
    },
    Detector {
        id: "stripe-key",
        hints: &["k_live_"],
        title: "Stripe live key",
        regex: r"\b[sr]k_live_[A-Za-z0-9]{16,}\b",
        examples: &[concat!("sk", "_live_dGlMoiyrlfxX1rTnyFf3vA7N")],
        negative: &[
            "sk_test_4eC39HqLyjWDarjtT1zdp7dc",
            "pk_live_dGlMoiyrlfxX1rTnyFf3vA7N",
            "sk_live_xxxxxxxxxxxxxxxxxxxxxxxx",
        ],
        ..SURE
    },
    Detector {
        id: "google-api-key",
        hints: &["AIza"],
        title: "Google API key",
        regex: r"\bAIza[A-Za-z0-9_-]{35}",
        severity: Severity::Medium,
        examples: &[concat!("AIza", "SydGlMoiyrlfxX1rTnyFf3vA7NUtFOY6aF0")],
        negative: &["AIzaSy", "AIzaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"],
        ..SURE
    },
    Detector {
        id: "azure-storage-key",
        hints: &["AccountKey="],
        title: "Azure storage key",
        regex: r"\bAccountKey=(?P<secret>[A-Za-z0-9+/]{86}==)",
        examples: &[concat!(
            "AccountName=a;AccountKey",
            "=dGlMoiyrlfxX1rTnyFf3vA7NUtFOY6aF0kDQHBwtnOAmp48ddS880t0DnDzAtAIKzCYuheDByziCzzvOJ1NQAx=="
        )],
        negative: &["AccountKey=${KEY}", "AccountKey=short=="],
        ..SURE
    },
    Detector {
        id: "digitalocean-token",
        hints: &["_v1_"],
        title: "DigitalOcean token",
        regex: r"\bdo[opr]_v1_[a-f0-9]{64}\b",
        examples: &[concat!(
            "dop",
            "_v1_0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0"
        )],
        negative: &["dop_v1_short"],
        ..SURE
    },
    Detector {
        id: "sendgrid-key",
        hints: &["SG."],
        title: "SendGrid key",
        regex: r"\bSG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}",
        examples: &[concat!(
            "SG",
            ".dGlMoiyrlfxX1rTnyFf3vA.7NUtFOY6aF0kDQHBwtnOAmp48ddS880t0DnDzAtAIKz"
        )],
        negative: &["SG.short.key"],
        ..SURE
    },
    Detector {
        id: "vault-token",
        hints: &["hvs.", "hvb.", "hvr."],
        title: "Vault token",
        regex: r"\bhv[sbr]\.[A-Za-z0-9_-]{24,}",
        examples: &[concat!("hvs", ".dGlMoiyrlfxX1rTnyFf3vA7NUtFO")],
        negative: &["hvs.short"],
        ..SURE
    },
    Detector {
        id: "huggingface-token",
        hints: &["hf_"],
        title: "Hugging Face token",
        regex: r"\bhf_[A-Za-z0-9]{34,40}\b",
        examples: &[concat!("hf", "_dGlMoiyrlfxXarTnyFfNvAzNUtFOYbaFok")],
        negative: &["hf_hub_download", "hf_short"],
        ..SURE
    },
    Detector {
        id: "openai-key",
        hints: &["T3BlbkFJ"],
        title: "OpenAI key",
        regex: r"\bsk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]{20,}T3BlbkFJ[A-Za-z0-9_-]{20,}",
        examples: &[concat!("sk", "-dGlMoiyrlfxX1rTnyFf3T3BlbkFJvA7NUtFOY6aF0kDQHBwt")],
        negative: &["sk-learn-something-long-enough-to-match"],
        ..SURE
    },
    Detector {
        id: "anthropic-key",
        hints: &["sk-ant-"],
        title: "Anthropic key",
        regex: r"\bsk-ant-[a-z]+[0-9]{2}-[A-Za-z0-9_-]{80,120}",
        examples: &[concat!(
            "sk-ant",
            "-api03-dGlMoiyrlfxX1rTnyFf3vA7NUtFOY6aF0kDQHBwtnOAmp48ddS880t0DnDzAtAIKzCYuheDByziCzzvOJ1NQAx9G4LJqcb0"
        )],
        negative: &["sk-ant-short"],
        ..SURE
    },
    Detector {
        id: "shopify-token",
        hints: &["shpat_", "shpca_", "shppa_", "shpss_"],
        title: "Shopify token",
        regex: r"\bshp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}\b",
        examples: &[concat!("shpat", "_0f1e2d3c4b5a69788796a5b4c3d2e1f0")],
        negative: &["shpat_short"],
        ..SURE
    },
];
