Every host tells Prometheus its figures at port 1815, /metrics; alert rules and a Grafana dashboard are included.
