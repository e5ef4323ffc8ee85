// Makes the pipeline's users, each with least privilege, when the official mongo image starts on an
// empty volume. What each may do is written in schemas/mongo_roles.json, mounted beside this file.
// Running it again brings the users to the present definition, and changes nothing else.
(() => {
  const fs = require('fs');
  const file = process.env.MONGO_ROLES_FILE || '/docker-entrypoint-initdb.d/mongo_roles.json';
  const name = process.env.MONGO_DATABASE || 'retail_db';
  const database = db.getSiblingDB(name);

  const passwordOf = (role) => {
    const variable = `MONGO_${role.toUpperCase()}_PASSWORD`;
    const secret = `/run/secrets/${role}/${variable.toLowerCase()}`;
    const password = fs.existsSync(secret) ? fs.readFileSync(secret, 'utf8') : process.env[variable];
    if (!password) {
      throw new Error(`${variable} is not set: the ${role}'s MongoDB user needs a password`);
    }
    return password;
  };

  for (const [role, grants] of Object.entries(JSON.parse(fs.readFileSync(file, 'utf8')))) {
    const roles = grants.roles.map((each) => ({ role: each.role, db: each.db || name }));
    if (grants.privileges.length > 0) {
      const privileges = grants.privileges.map((each) => ({
        resource: { db: name, collection: each.collection },
        actions: each.actions,
      }));
      if (database.getRole(grants.user)) {
        database.updateRole(grants.user, { privileges, roles: [] });
      } else {
        database.createRole({ role: grants.user, privileges, roles: [] });
      }
      roles.push({ role: grants.user, db: name });
    }
    const wanted = { pwd: passwordOf(role), roles };
    if (database.getUser(grants.user)) {
      database.updateUser(grants.user, wanted);
    } else {
      database.createUser({ user: grants.user, ...wanted });
    }
    print(`init-mongo: ${grants.user} may work on ${name}`);
  }
})();
