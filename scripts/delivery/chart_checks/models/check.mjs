// Reads Kubernetes documents as a JSON array and prints, for each that a model does not accept, what is wrong.
import { readFileSync } from "node:fs";

const MODELS = {
  "beat.k8s.elastic.co/v1beta1/Beat": "elastic-cloud",
  "elasticsearch.k8s.elastic.co/v1/Elasticsearch": "elastic-cloud",
  "external-secrets.io/v1/ExternalSecret": "external-secrets",
  "gateway.networking.k8s.io/v1/Gateway": "gateway-api",
  "gateway.networking.k8s.io/v1/HTTPRoute": "gateway-api",
  "keda.sh/v1alpha1/ScaledObject": "keda",
  "kibana.k8s.elastic.co/v1/Kibana": "elastic-cloud",
  "logstash.k8s.elastic.co/v1alpha1/Logstash": "elastic-cloud",
  "networking.gke.io/v1/GCPBackendPolicy": "gke",
  "networking.gke.io/v1/HealthCheckPolicy": "gke",
};

for (const document of JSON.parse(readFileSync(0, "utf8"))) {
  const path = `${document.apiVersion}/${document.kind}`;
  const name = `${document.kind} ${document.metadata.name}`;
  if (!MODELS[path]) {
    console.log(`${name}: there is no model of ${path}`);
    continue;
  }
  const module = await import(`@kubernetes-models/${MODELS[path]}/${path}`);
  try {
    new module[document.kind](document).validate();
  } catch (error) {
    console.log(`${name}: ${error.message.replaceAll("\n", " ")}`);
  }
}
