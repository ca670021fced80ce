"""The objects of the deployment architecture that requests are routed by, word for word."""

from typing import Any

import yaml

from environments.kube.objects import Manifest

NAMESPACE = "ai-workflow-prod"

# 11.5.2
ISTIO = """
apiVersion: networking.istio.io/v1beta1
kind: VirtualService
metadata:
  name: agent-service
spec:
  hosts:
  - agent-service
  http:
  - match:
    - headers:
        canary:
          exact: "true"
    route:
    - destination:
        host: agent-service
        subset: v1-1-0

  - route:
    - destination:
        host: agent-service
        subset: v1-0-0
      weight: 95
    - destination:
        host: agent-service
        subset: v1-1-0
      weight: 5

---
apiVersion: networking.istio.io/v1beta1
kind: DestinationRule
metadata:
  name: agent-service
spec:
  host: agent-service
  trafficPolicy:
    connectionPool:
      tcp:
        maxConnections: 100
      http:
        http1MaxPendingRequests: 50
        http2MaxRequests: 100
    loadBalancer:
      simple: LEAST_REQUEST
    outlierDetection:
      consecutiveErrors: 5
      interval: 30s
      baseEjectionTime: 30s
      maxEjectionPercent: 50

  subsets:
  - name: v1-0-0
    labels:
      version: v1.0.0

  - name: v1-1-0
    labels:
      version: v1.1.0
"""

# 11.4.1
BLUE_GREEN = """
apiVersion: v1
kind: Service
metadata:
  name: agent-service-blue
  labels:
    app: agent-service
    version: v1.0.0
    environment: blue
spec:
  selector:
    app: agent-service
    version: v1.0.0
  ports:
  - port: 8080
    targetPort: 8080
---
apiVersion: v1
kind: Service
metadata:
  name: agent-service-green
  labels:
    app: agent-service
    version: v1.1.0
    environment: green
spec:
  selector:
    app: agent-service
    version: v1.1.0
  ports:
  - port: 8080
    targetPort: 8080
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: agent-service-ingress
  annotations:
    nginx.ingress.kubernetes.io/upstream-vhost: "agent-service-blue.ai-workflow-prod.svc.cluster.local"
spec:
  rules:
  - host: api.aiworkflow.com
    http:
      paths:
      - path: /api/agents
        pathType: Prefix
        backend:
          service:
            name: agent-service-blue
            port:
              number: 8080
"""

# 11.6.2
INGRESS = """
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: ai-workflow-ingress
  namespace: ai-workflow-prod
  annotations:
    nginx.ingress.kubernetes.io/limit-rps: "10"
    nginx.ingress.kubernetes.io/upstream-fail-timeout: "30"
    nginx.ingress.kubernetes.io/upstream-max-fails: "3"
    nginx.ingress.kubernetes.io/affinity: "cookie"
    nginx.ingress.kubernetes.io/session-cookie-name: "route"
    nginx.ingress.kubernetes.io/session-cookie-max-age: "172800"
    nginx.ingress.kubernetes.io/enable-cors: "true"
    nginx.ingress.kubernetes.io/cors-allow-origin: "https://app.aiworkflow.com"
    nginx.ingress.kubernetes.io/cors-allow-methods: "GET, POST, PUT, DELETE, OPTIONS"
    nginx.ingress.kubernetes.io/ssl-redirect: "true"
    nginx.ingress.kubernetes.io/proxy-body-size: "50m"

spec:
  ingressClassName: nginx

  tls:
  - hosts:
    - api.aiworkflow.com
    secretName: aiworkflow-tls-secret

  rules:
  - host: api.aiworkflow.com
    http:
      paths:
      - path: /api/auth
        pathType: Prefix
        backend:
          service:
            name: auth-service
            port:
              number: 8080
      - path: /api/agents
        pathType: Prefix
        backend:
          service:
            name: agent-service
            port:
              number: 8080
      - path: /api/personas
        pathType: Prefix
        backend:
          service:
            name: persona-service
            port:
              number: 8080
      - path: /api/code-execution
        pathType: Prefix
        backend:
          service:
            name: code-execution-service
            port:
              number: 8080
"""

HTTP_ROUTE = """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: agent-service
spec:
  parentRefs:
  - name: public
  hostnames: [api.aiworkflow.com]
  rules:
  - matches:
    - path: {type: PathPrefix, value: /api/agents}
    backendRefs:
    - {name: agent-service, port: 8080}
  - matches:
    - path: {type: PathPrefix, value: /api/auth}
    backendRefs:
    - {name: auth-service, port: 8080}
"""

SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: agent-service}
spec:
  selector: {app: agent-service}
  ports: [{port: 8080, targetPort: 8080}]
"""


def read(text: str, namespace: str = NAMESPACE) -> list[Manifest]:
    """The manifests of a text, in the namespace of the platform."""
    return [at_home(each, namespace) for each in yaml.safe_load_all(text)]


def at_home(manifest: dict[str, Any], namespace: str = NAMESPACE) -> Manifest:
    return {**manifest, "metadata": {**manifest["metadata"], "namespace": namespace}}
