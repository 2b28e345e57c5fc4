"""Run by the tools' Python: `render.py CHART`, a list of values on standard input, both in JSON.

For each: what the chart becomes, and what is wrong with it by the schemas of the oldest and the newest
Kubernetes that are known here; or why the values are refused.
"""

import json
import sys

import helm_python as helm
import kubernetes_validate
import yaml

VERSIONS = ("1.30", "1.37")


def become(chart, values):
    try:
        rendered = chart.render(values, name="kms", namespace="keys")
    except helm.HelmError as refused:
        return {"refused": str(refused)}
    documents = [
        document
        for name, text in rendered.items()
        if not name.endswith(".txt")
        for document in yaml.safe_load_all(text)
        if document
    ]
    wrong = []
    for document in documents:
        for version in VERSIONS:
            try:
                kubernetes_validate.validate(document, version, strict=True)
            except Exception as invalid:  # noqa: BLE001 - of several libraries
                wrong.append(f"{document['kind']}, Kubernetes {version}: {invalid}")
    return {"documents": documents, "wrong": wrong}


lint = helm.lint(sys.argv[1])
with helm.Chart.load(sys.argv[1]) as chart:
    became = [become(chart, values) for values in json.load(sys.stdin)]
json.dump({"lint": lint, "became": became}, sys.stdout)
